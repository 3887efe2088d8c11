"""Images of all modes are read, and files that cannot be read are named in one sentence."""

import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import noise_image, write
from PIL import Image

from pixlate.data.reading import BadImageError, image_size, read_image


def saved(folder: Path, image: Image.Image, name: str = "a.png", **options: object) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def read(path: Path) -> np.ndarray:
    image = read_image(path)
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_plain_modes_are_pillows_conversion(tmp_path: Path, mode: str) -> None:
    path = saved(tmp_path, noise_image((9, 7), mode=mode))
    assert np.array_equal(read(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
def test_jpeg_modes_are_pillows_conversion(tmp_path: Path, mode: str) -> None:
    path = saved(tmp_path, noise_image((9, 7), mode=mode), "a.jpg")
    assert np.array_equal(read(path), np.asarray(Image.open(path).convert("RGB")))


def test_opaque_alpha_changes_nothing(tmp_path: Path) -> None:
    image = noise_image((20, 20))
    path = saved(tmp_path, image.convert("RGBA"))
    assert np.array_equal(read(path), np.asarray(image))


def test_transparent_pixels_are_composited_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = 255, 0, 128
    assert read(saved(tmp_path, Image.fromarray(pixels))).tolist() == [[[0] * 3, [255] * 3, [127] * 3]]
    grey = Image.merge("LA", [Image.fromarray(pixels[..., 0]), Image.fromarray(pixels[..., 3])])
    assert read(saved(tmp_path, grey)).tolist() == [[[0] * 3, [255] * 3, [127] * 3]]


def test_a_transparent_palette_entry_is_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert read(saved(tmp_path, image, transparency=1)).tolist() == [[[10, 20, 30], [255] * 3]]
    assert read(saved(tmp_path, image, transparency=b"\x00\xff")).tolist() == [[[255] * 3, [40, 50, 60]]]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    deep = np.array([[0, 128, 257, 32768, 65535]], np.uint16)
    grey = read(saved(tmp_path, Image.fromarray(deep), name))[0, :, 0]
    assert grey.tolist() == [0, 0, 1, 128, 255]


def test_32_bit_integers_are_scaled_to_their_maximum(tmp_path: Path) -> None:
    deep = np.array([[0, 500_000, 1_000_000]], np.int32)
    assert read(saved(tmp_path, Image.fromarray(deep), "a.tif"))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "grey"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-1.0, float("nan"), 1.0], [0, 128, 255]),
    ],
)
def test_floating_point_values(tmp_path: Path, values: list[float], grey: list[int]) -> None:
    image = Image.fromarray(np.array([values], np.float32))
    assert read(saved(tmp_path, image, "a.tiff"))[0, :, 0].tolist() == grey


def test_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    for name in ("a.tif", "b.gif"):
        path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
        assert read(path)[0, 0].tolist() == [255, 0, 0]


def test_the_format_does_not_depend_on_the_extension(tmp_path: Path) -> None:
    path = saved(tmp_path, noise_image((9, 7)), "a.png").rename(tmp_path / "a.jpg")
    assert np.array_equal(read(path), np.asarray(noise_image((9, 7))))
    assert image_size(path) == (9, 7)


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG file that claims a size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 99) + b"IDAT"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"<html>404</html>", "none of the formats"),
        (b"\x89PNG\r\n\x1a\n", "damaged PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "none of the formats"),
        (png_header(60_000, 60_000), "60000 x 60000 pixels"),
        (png_header(10_000, 10_000), "10000 x 10000 pixels"),
        (png_header(0, 5), "cannot read"),
    ],
)
def test_a_file_that_is_no_image_is_named(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    for read_function in (read_image, image_size):
        with pytest.raises(BadImageError, match=reason) as caught:
            read_function(path)
        assert str(path) in str(caught.value)
        assert caught.value.path == str(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp", "a.ppm"])
def test_a_truncated_file_is_named(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, noise_image((64, 64)), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(BadImageError, match=name):
        read_image(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadImageError, match="No such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(BadImageError, match="directory"):
        read_image(tmp_path)


def test_control_characters_in_names_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\x1b[31m<b>.png"
    path.write_bytes(b"")
    with pytest.raises(BadImageError) as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert r"a\nb\x1b[31m<b>.png" in str(caught.value)


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("whole")
    names = ("a.png", "a.tif", "a.bmp", "a.gif", "a.webp", "a.jpg")
    images = [(noise_image((13, 11), mode=mode), name) for mode in ("RGB", "L", "P") for name in names]
    return [saved(folder, image, name).read_bytes() for image, name in images if (image.mode, name) != ("P", "a.jpg")]


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_gives_an_image_or_an_error_of_one_sentence(
    tmp_path: Path, whole_files: list[bytes], data: st.DataObject
) -> None:
    sentences: list[str] = []
    content = bytearray(data.draw(st.sampled_from(whole_files)))
    for _ in range(data.draw(st.integers(0, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a.png"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    sentence = f"cannot read '{path}' as an image: .+\\."
    try:
        assert np.asarray(read_image(path)).shape[2] == 3
    except BadImageError as error:
        sentences.append(str(error))
    assert all(re.fullmatch(sentence, text) for text in sentences)


def test_a_read_only_file_can_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    path.chmod(0o444)
    assert read_image(path).size == image_size(path)
