"""What a file says of itself is applied: its EXIF orientation, and its colour profile."""

import io
from pathlib import Path

import numpy as np
import pytest
from image_files import noise_image
from PIL import Image, ImageCms, ImageOps

from pixlate import create_dataset
from pixlate.data.check import check_dataset
from pixlate.data.reading import Reading, image_size, read_image

STORED = Reading(ignore_metadata=True)
ORIENTATION = 0x0112


def oriented(folder: Path, turn: int, name: str = "a.png") -> Path:
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    noise_image((20, 10)).save(folder / name, exif=exif)
    return folder / name


def profile() -> bytes:
    """A colour profile in which red and green have changed places."""
    source = ImageCms.createProfile("sRGB")
    data = bytearray(ImageCms.ImageCmsProfile(source).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"  # red and green change places
    return bytes(data)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_the_orientation_is_applied(tmp_path: Path, turn: int, name: str) -> None:
    path = oriented(tmp_path, turn, name)
    expected = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    assert np.array_equal(np.asarray(read_image(path)), np.asarray(expected))
    assert image_size(path) == expected.size


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_metadata_are_ignored_on_request(tmp_path: Path, name: str) -> None:
    path = oriented(tmp_path, 6, name)
    assert np.array_equal(np.asarray(read_image(path, STORED)), np.asarray(Image.open(path)))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_data_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise_image((20, 10)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    stored = np.asarray(Image.open(tmp_path / "a.jpg"))
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.jpg")), stored)

    def damaged(image: Image.Image) -> Image.Exif:
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(Image.Image, "getexif", damaged)
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.jpg")), stored)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_are_converted_from_the_profile(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGB", (4, 4), (200, 40, 90)).convert(mode, palette=Image.Palette.ADAPTIVE)
    image.save(tmp_path / "a.png", icc_profile=profile())
    red, green, blue = read_image(tmp_path / "a.png").getpixel((0, 0))
    assert (abs(red - 40) < 3, abs(green - 200) < 3, abs(blue - 90) < 3) == (True, True, True)
    assert read_image(tmp_path / "a.png", STORED).getpixel((0, 0)) == (200, 40, 90)


@pytest.mark.parametrize(
    "icc_profile", [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"no profile"]
)
def test_srgb_and_damaged_profiles_change_no_pixel(tmp_path: Path, icc_profile: bytes) -> None:
    image = noise_image((30, 20))
    image.save(tmp_path / "a.png", icc_profile=icc_profile)
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), np.asarray(image))


def test_a_profile_of_another_colour_space_is_ignored(tmp_path: Path) -> None:
    image = noise_image((30, 20), mode="L")
    image.save(tmp_path / "a.png", icc_profile=profile())
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png"))[..., 0], np.asarray(image))


def test_transparency_is_kept_through_the_conversion(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (200, 40, 90, 0)).save(tmp_path / "a.png", icc_profile=profile())
    assert read_image(tmp_path / "a.png").getpixel((0, 0)) == (255, 255, 255)


def test_a_data_set_follows_the_option(tmp_path: Path) -> None:
    oriented(tmp_path, 6)
    options = {"dataroot": tmp_path, "preprocess": "none", "no_flip": True}
    assert create_dataset("single", **options)[0]["A"].shape == (3, 20, 8)
    assert create_dataset("single", ignore_metadata=True, **options)[0]["A"].shape == (3, 8, 20)


def test_a_large_text_or_profile_does_not_matter(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    image = noise_image((20, 10))
    text = PngInfo()
    text.add_text("workflow", "x" * 3_000_000, zip=True)
    image.save(tmp_path / "a.png", pnginfo=text)
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), np.asarray(image))
    image.save(tmp_path / "b.png", icc_profile=profile() + bytes(3_000_000))
    assert image_size(tmp_path / "b.png") == (20, 10)
    assert read_image(tmp_path / "b.png", STORED).size == (20, 10)


def test_text_after_the_pixels_does_not_matter(tmp_path: Path) -> None:
    from PIL import PngImagePlugin

    whole, part = io.BytesIO(), io.BytesIO()
    noise_image((20, 10)).save(whole, "PNG")
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 3_000_000, zip=True)
    noise_image((20, 10)).save(part, "PNG", pnginfo=text)
    start = part.getvalue().index(b"zTXt") - 4
    chunk = part.getvalue()[start : part.getvalue().index(b"IDAT") - 4]
    end = whole.getvalue().index(b"IEND") - 4
    (tmp_path / "a.png").write_bytes(whole.getvalue()[:end] + chunk + whole.getvalue()[end:])
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), np.asarray(noise_image((20, 10))))


def test_a_few_profiles_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for number in range(4):
        noise_image((30, 20), seed=number).save(tmp_path / f"{number}.png", icc_profile=profile() + bytes(4 * number))
    dataset = create_dataset("single", dataroot=tmp_path)
    assert check_dataset(dataset, dataset.shared) == []
    assert "4 are converted to sRGB" in caplog.text
    assert " and 1 more" in caplog.text
