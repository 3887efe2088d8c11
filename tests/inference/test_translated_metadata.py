"""What outputs keep of their inputs: EXIF, XMP, colour profiles, resolution, transparency, types of values."""

import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import noise_image, write
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from translations import opened, pixels, save_run, translate

from pixlate.data.reading import Reading
from pixlate.inference.translating.metadata import metadata_of, srgb
from pixlate.inference.translating.saving import encoded
from pixlate.plugins.field import Field

SIZE = (24, 16)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" title="kept"/></x:xmpmeta>'


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("checkpoints") / "tiny")


def camera_exif(turn: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = turn
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8769).update({0x9003: "2024:05:01 12:00:00", 0xA002: SIZE[0], 0xA003: SIZE[1]})
    exif.get_ifd(0x8825)[1] = "N"
    return exif


@functools.cache
def profile(name: str) -> bytes:
    """An ICC profile: "sRGB", or colours that are converted when they are read."""
    created = ImageCms.createProfile("sRGB")
    data = bytearray(ImageCms.ImageCmsProfile(created).tobytes())
    if name != "sRGB":  # red and blue exchanged
        start = 128 + 4
        tags = {bytes(data[at : at + 4]): at for at in range(start, start + 12 * 20, 12)}
        red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
        data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    return bytes(data)


@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("target", ["jpg", "png", "webp", "tif"])
def test_descriptions_are_kept_and_the_orientation_is_that_of_the_output(
    source: str, target: str, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"in.{source.lower()}"
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    more = {"pnginfo": texts} if source == "PNG" else {"xmp": XMP}
    exif = camera_exif().tobytes()
    noise_image(SIZE).save(path, source, exif=exif, dpi=(300, 150), icc_profile=profile("sRGB"), **more)
    assert translate(path, "-o", tmp_path / f"out.{target}", model=model) == 0
    image = opened(tmp_path / f"out.{target}")
    exif = image.getexif()
    assert image.size == SIZE[::-1]
    assert (exif[0x0112], exif[0x010F]) == (1, "a camera")
    details = exif.get_ifd(0x8769)
    assert (details[0x9003], details[0xA002], details[0xA003]) == ("2024:05:01 12:00:00", *SIZE[::-1])
    assert exif.get_ifd(0x8825)[1] == "N"
    assert image.info["icc_profile"] == profile("sRGB")
    if source not in ("TIFF",):  # Pillow writes no XMP there by this name
        xmp = image.info["xmp"] if target != "tif" else bytes(image.getexif()[700])
        assert b'title="kept"' in xmp
        assert b'tiff:Orientation="1"' in xmp
    if source != "WEBP" and target != "webp":  # which has no resolution
        assert image.info["dpi"] == pytest.approx((150, 300), abs=0.1)


def test_converted_colours_are_said_to_be_srgb(model: Path, tmp_path: Path) -> None:
    noise_image(SIZE).save(tmp_path / "in.png", icc_profile=profile("exchanged"))
    assert translate(tmp_path / "in.png", "-o", tmp_path / "out.png", model=model) == 0
    assert opened(tmp_path / "out.png").info["icc_profile"] == srgb()
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(srgb()))).strip() == "sRGB built-in"


def test_a_profile_of_another_colour_space_is_not_kept(tmp_path: Path, model: Path) -> None:
    noise_image(SIZE, mode="L").save(tmp_path / "in.png", icc_profile=profile("sRGB"))
    grey = save_run(tmp_path / "grey", output_nc=1)
    assert translate(tmp_path / "in.png", "-o", tmp_path / "out.png", model=grey) == 0
    assert "icc_profile" not in opened(tmp_path / "out.png").info


def test_metadata_that_were_ignored_are_kept_as_they_are(tmp_path: Path) -> None:
    noise_image(SIZE).save(tmp_path / "in.jpg", exif=camera_exif(), icc_profile=profile("exchanged"))
    kept = metadata_of(tmp_path / "in.jpg", Reading(ignore_metadata=True))
    assert kept.exif is not None
    assert kept.exif[0x0112] == 6
    assert kept.profile == profile("exchanged")


@pytest.mark.parametrize("description", ["ImageJ=1.53\nchannels=3", '{"shape": [16, 24]}', "<?xml ...><OME>", "a tree"])
def test_what_describes_the_pixels_of_the_input_is_not_kept(description: str, model: Path, tmp_path: Path) -> None:
    noise_image(SIZE).save(tmp_path / "in.tif", description=description)
    assert translate(tmp_path / "in.tif", "-o", tmp_path / "out.tif", model=model) == 0
    assert opened(tmp_path / "out.tif").getexif().get(270) == ("a tree" if description == "a tree" else None)


def test_nothing_is_kept_on_request(model: Path, tmp_path: Path) -> None:
    noise_image(SIZE).save(tmp_path / "in.jpg", exif=camera_exif(), xmp=XMP, icc_profile=profile("sRGB"))
    arguments = (tmp_path / "in.jpg", "-o", tmp_path / "out.jpg", "--no_metadata", "--no_provenance")
    assert translate(*arguments, model=model) == 0
    image = opened(tmp_path / "out.jpg")
    assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert dict(image.getexif()) == {}


@pytest.mark.parametrize("damage", [b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0", b"\xff" * 100])
def test_damaged_metadata_cost_no_image(damage: bytes, model: Path, tmp_path: Path) -> None:
    noise_image(SIZE).save(tmp_path / "in.jpg", exif=damage, icc_profile=b"\0" * 200, xmp=b"\xff\xfe")
    for target in ("jpg", "png", "tif"):
        assert translate(tmp_path / "in.jpg", "-o", tmp_path / f"out.{target}", model=model) == 0
        assert opened(tmp_path / f"out.{target}").size == SIZE


def test_what_does_not_fit_into_a_jpeg_file_is_left_out(model: Path, tmp_path: Path) -> None:
    exif = camera_exif(1)
    exif.get_ifd(0x8769)[0x927C] = b"\1" * 70_000
    noise_image(SIZE).save(tmp_path / "in.png", exif=exif, xmp=XMP + b" " * 70_000)
    assert translate(tmp_path / "in.png", "-o", tmp_path / "out.jpg", model=model) == 0
    image = opened(tmp_path / "out.jpg")
    assert image.getexif()[0x010F] == "a camera"
    assert "xmp" not in image.info


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_kept_where_the_format_can(mode: str, model: Path, tmp_path: Path) -> None:
    image = noise_image(SIZE)
    image.putalpha(Image.linear_gradient("L").resize(SIZE))
    image = image.quantize(8) if mode == "PA" else image.convert(mode)
    image.save(tmp_path / "in.png")
    alpha = opened(tmp_path / "in.png").convert("RGBA").getchannel("A")
    for target in ("png", "tif"):
        assert translate(tmp_path / "in.png", "-o", tmp_path / f"out.{target}", model=model) == 0
        assert np.array_equal(np.asarray(opened(tmp_path / f"out.{target}").getchannel("A")), np.asarray(alpha))
    assert translate(tmp_path / "in.png", "-o", tmp_path / "out.jpg", model=model) == 0
    assert translate(tmp_path / "in.png", "-o", tmp_path / "flat.png", "--no_alpha", model=model) == 0
    assert (opened(tmp_path / "out.jpg").mode, opened(tmp_path / "flat.png").mode) == ("RGB", "RGB")
    assert np.array_equal(pixels(tmp_path / "flat.png"), pixels(tmp_path / "out.png")[..., :3])


# --- values of more than 8 bits, and labels -------------------------------------------------------------------------


def deep_model(folder: Path, dtype: str, channels: int = 1) -> Path:
    high = {"uint16": 65535.0, "float32": 1.0}[dtype]
    field = Field(channels=channels, value_range=(0.0, high), dtype=dtype)
    return save_run(folder, input_nc=channels, output_nc=channels, fields={"A": field, "B": field})


def deep_values(dtype: str, channels: int = 1) -> Any:
    values = np.random.default_rng(0).random((*SIZE[::-1], channels))
    scaled = (values * 65535).astype(dtype) if dtype == "uint16" else values.astype(dtype)
    return scaled[..., 0] if channels == 1 else scaled


@pytest.mark.parametrize(
    ("dtype", "suffix", "written"),
    [
        ("uint16", ".png", ".png"),
        ("uint16", ".tif", ".tif"),
        ("float32", ".tiff", ".tiff"),
        ("float32", ".npy", ".npy"),
    ],
)
def test_deep_values_keep_their_type_and_format(dtype: str, suffix: str, written: str, tmp_path: Path) -> None:
    model, source = deep_model(tmp_path / "run", dtype), tmp_path / "in" / f"a{suffix}"
    source.parent.mkdir()
    if suffix == ".npy":
        np.save(source, deep_values(dtype))
    else:
        Image.fromarray(deep_values(dtype)).save(source)
    assert translate(source.parent, "-o", tmp_path / "out", model=model) == 0
    out = tmp_path / "out" / f"a{written}"
    values = np.load(out) if written == ".npy" else pixels(out)
    assert (values.dtype, values.size) == (np.dtype(dtype), SIZE[0] * SIZE[1])


def test_a_name_that_cannot_hold_the_values_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = deep_model(tmp_path / "run", "float32")
    Image.fromarray(deep_values("float32")).save(tmp_path / "a.tif")
    assert translate(tmp_path / "a.tif", "-o", tmp_path / "out.png", model=model) == 2
    assert "out.tif'" in capsys.readouterr().err


def test_several_bands_and_the_size_of_a_pixel_are_kept(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    model = deep_model(tmp_path / "run", "uint16", 4)
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    values = deep_values("uint16", 4)
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        values,
        photometric="minisblack",
        planarconfig="contig",
        metadata={"axes": "YXS", **sizes},
        ome=True,
    )
    assert translate(tmp_path / "a.ome.tif", "-o", tmp_path / "out", model=model) == 0
    with tifffile.TiffFile(tmp_path / "out" / "a.ome.tif") as file:
        assert file.asarray().dtype == np.uint16
        assert 'PhysicalSizeX="0.5"' in str(file.ome_metadata)


def test_labels_are_png_files_with_a_palette(tmp_path: Path) -> None:
    labels = Field("labels", classes=3, palette=((0, 0, 0), (255, 0, 0), (0, 255, 0)))
    model = save_run(tmp_path / "run", fields={"A": Field(), "B": labels})
    write(tmp_path / "in" / "a.jpg", SIZE)
    assert translate(tmp_path / "in", "-o", tmp_path / "out", "--format", "jpg", model=model) == 0
    image = opened(tmp_path / "out" / "a.png")
    assert image.mode == "P"
    assert set(np.unique(image)) <= {0, 1, 2}


def test_equal_outputs_have_equal_bytes() -> None:
    image = noise_image(SIZE)
    assert len({encoded(image, ".png", software="pixlate") for _ in range(2)}) == 1
