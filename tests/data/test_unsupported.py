"""Valid files that are not read are called unsupported, never damaged; `--max_image_pixels` sets the limit of size."""

import struct
from pathlib import Path

import numpy as np
import pytest
from image_files import noise_image, write
from PIL import Image

from pixlate import create_dataset
from pixlate.data import tiff as tiff_module
from pixlate.data.reading import BadImageError, Reading, image_size, read_header, read_image


def tiff(path: Path, bands: int, bits: int = 8, compression: int = 1, number: int = 1) -> Path:
    """A TIFF file of 4 x 4 pixels with any number of bands."""
    data = bytes(16 * bands * bits // 8)
    start = 8 + len(data)
    tags = [
        *((256, 3, 1, 4), (257, 3, 1, 4), (258, 3, bands, start), (259, 3, 1, compression), (262, 3, 1, 1)),
        *((273, 4, 1, 8), (277, 3, 1, bands), (278, 3, 1, 4), (279, 4, 1, len(data)), (284, 3, 1, 1)),
        (339, 3, 1, number),
    ]
    counts = struct.pack(f"<{bands}H", *[bits] * bands)
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, start + len(counts)) + data + counts + directory)
    return path


def jpeg(path: Path, marker: int, bits: int, bands: int = 3) -> Path:
    """A JPEG file whose frame header is changed."""
    noise_image((16, 16)).save(path, quality=90)
    data = bytearray(path.read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 1], data[frame + 4], data[frame + 9] = marker, bits, bands
    path.write_bytes(data)
    return path


def reason(path: Path) -> str:
    with pytest.raises(BadImageError) as caught:
        read_image(path)
    assert "damaged" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def no_tifffile(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without tifffile, which reads more kinds."""
    monkeypatch.setattr(tiff_module, "find_spec", lambda name: None)


@pytest.mark.usefixtures("no_tifffile")
@pytest.mark.parametrize("bands", [5, 13])
def test_bands_are_counted(tmp_path: Path, bands: int) -> None:
    found = reason(tiff(tmp_path / "a.tif", bands))
    assert f"it is TIFF with {bands} bands of 8 bits" in found
    assert found.endswith("which needs tifffile: pip install 'pixlate[formats]'.")


@pytest.mark.usefixtures("no_tifffile")
@pytest.mark.parametrize(
    ("number", "kind"),
    [(1, "unsigned"), (2, "signed"), (3, "floating-point"), (4, "other"), (5, "complex"), (6, "complex")],
)
def test_the_kind_of_number_is_named(tmp_path: Path, number: int, kind: str) -> None:
    assert f"({kind} numbers)" in reason(tiff(tmp_path / "a.tif", 5, number=number))


def test_other_compressions_are_named(tmp_path: Path) -> None:
    assert "TIFF" in reason(tiff(tmp_path / "a.tif", 1, compression=34887))


def test_other_kinds_of_jpeg_are_named(tmp_path: Path) -> None:
    assert "JPEG without loss" in reason(jpeg(tmp_path / "a.jpg", 0xC3, 8))
    assert "JPEG with 12 bits" in reason(jpeg(tmp_path / "b.jpg", 0xC1, 12))
    assert "JPEG with 2 bands" in reason(jpeg(tmp_path / "c.jpg", 0xC0, 8, bands=2))


@pytest.mark.parametrize("marker", [0xC5, 0xC6, 0xCD, 0xCE])
def test_hierarchical_jpeg_files_are_named(tmp_path: Path, marker: int) -> None:
    assert "JPEG of several resolutions" in reason(jpeg(tmp_path / "a.jpg", marker, 8))


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\xff\x0a\0", "JPEG XL"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"v/1\x01", "OpenEXR"),
        (b"PK\x03\x04", "ZIP"),
        (b"<?xml version='1.0'?>\n<svg>", "SVG"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, start: bytes, name: str) -> None:
    (tmp_path / "a.png").write_bytes(start + bytes(200))
    assert f"a file of the format {name}, and has none of the formats PNG" in reason(tmp_path / "a.png")


def test_cielab_images_are_read(tmp_path: Path) -> None:
    Image.new("LAB", (4, 4), (128, 128, 128)).save(tmp_path / "a.tif")
    assert np.ptp(np.asarray(read_image(tmp_path / "a.tif"))) == 0
    assert read_image(tmp_path / "a.tif").getpixel((0, 0)) == (119, 119, 119)  # L* = 50.2


def test_a_truncated_tiff_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(BadImageError, match=r"damaged|truncated"):
        read_image(path)


def test_the_limit_of_pixels_can_be_raised(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", (30, 20))
    with pytest.raises(BadImageError, match=r"30 x 20 pixels.*use --max_image_pixels 600\."):
        read_header(path, Reading(max_pixels=599))
    with pytest.raises(BadImageError, match="--max_image_pixels allows 599"):
        create_dataset("single", dataroot=tmp_path, max_image_pixels=599)[0]
    assert len(create_dataset("single", dataroot=tmp_path, max_image_pixels=600)) == 1


def test_an_image_beyond_pillow_s_own_limit_is_read_when_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = write(tmp_path / "train" / "a.png", (80, 20))
    assert image_size(path) == (80, 20)
    dataset = create_dataset("aligned", dataroot=tmp_path, load_size=8, crop_size=8, pair_by="side_by_side")
    assert dataset[0]["A"].shape == (3, 8, 8)
