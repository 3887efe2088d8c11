"""TIFF files of microscopes and scanners: channels stored as pages, stacks, and the physical size of a pixel."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trainings import PIX2PIX

import pixlate
from pixlate.__main__ import main
from pixlate.data import PixelSize
from pixlate.data.current_readers import BUILTIN
from pixlate.data.pixel_size import pixel_size_of
from pixlate.data.reading import read_file, read_header

tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")

NOISE = np.random.default_rng(0)


def noise(*shape: int, dtype: str = "uint16") -> Any:
    return NOISE.integers(0, 60000, shape).astype(dtype)


@settings(deadline=None, max_examples=30)
@given(
    order=st.permutations("ZCT").flatmap(lambda axes: st.integers(0, 3).map(lambda count: "".join(axes[:count]))),
    sizes=st.tuples(*[st.integers(1, 3)] * 3),
    form=st.sampled_from(["ome", "imagej"]),
)
def test_all_channels_of_the_first_plane_are_read(
    tmp_path_factory: pytest.TempPathFactory, order: str, sizes: tuple[int, ...], form: str
) -> None:
    """The channels of (z, t) = (0, 0), in whatever order the file has its axes."""
    if form == "imagej":  # its files have the axes TZCYX in this order
        order = "".join(axis for axis in "TZC" if axis in order)
    values = noise(*sizes[: len(order)], 12, 10)
    path = tmp_path_factory.mktemp("stacks") / "a.tif"
    tifffile.imwrite(path, values, **{form: True}, photometric="minisblack", metadata={"axes": f"{order}YX"})
    plane = values[tuple(slice(None) if axis == "C" else 0 for axis in order)]
    expected = plane[..., None] if plane.ndim == 2 else np.moveaxis(plane, 0, -1)
    assert np.array_equal(np.asarray(read_file(path)).reshape(12, 10, -1), expected)
    header = read_header(path)
    assert (header.size, header.channels, header.dtype) == ((10, 12), expected.shape[2], "uint16")


def test_pages_that_are_no_channels_are_not_stacked(tmp_path: Path) -> None:
    values = noise(3, 12, 10)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    assert np.array_equal(np.asarray(read_file(tmp_path / "a.tif")).squeeze(), values[0])


def test_three_8_bit_channels_are_colours(tmp_path: Path) -> None:
    values = noise(3, 12, 10).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.ome.tif", values, ome=True, photometric="minisblack", metadata={"axes": "CYX"})
    found = read_file(tmp_path / "a.ome.tif")
    assert isinstance(found, Image.Image)
    assert np.array_equal(np.asarray(found), np.moveaxis(values, 0, -1))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"ome": True, "metadata": {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}}, (0.5, 0.25, "µm")),
        (
            {
                "ome": True,
                "metadata": {
                    "axes": "YX",
                    "PhysicalSizeX": 2.0,
                    "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": 3.0,
                    "PhysicalSizeYUnit": "nm",
                },
            },
            (2.0, 3.0, "nm"),
        ),
        ({"imagej": True, "resolution": (2.0, 4.0), "metadata": {"unit": "mm"}}, (0.5, 0.25, "mm")),
        ({"resolution": (100.0, 50.0), "resolutionunit": "CENTIMETER"}, (0.01, 0.02, "cm")),
        ({}, None),
    ],
)
def test_the_size_of_a_pixel_is_what_the_file_tells(
    how: dict[str, Any], expected: tuple[float, float, str] | None, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(12, 10), **how)
    size = pixel_size_of(tmp_path / "a.tif", BUILTIN)
    if expected is None:
        assert size is None
    else:
        assert size is not None
        assert (size.width, size.height, size.unit) == (
            pytest.approx(expected[0]),
            pytest.approx(expected[1]),
            expected[2],
        )


def test_a_description_cannot_fill_the_memory(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><OME><Pixels PhysicalSizeX="&a;" PhysicalSizeY="1"/></OME>'
    tifffile.imwrite(tmp_path / "a.tif", noise(12, 10), description=bomb, metadata=None)
    assert pixel_size_of(tmp_path / "a.tif", BUILTIN) is None
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:100])
    assert pixel_size_of(tmp_path / "b.tif", BUILTIN) is None


def test_results_keep_the_size_of_a_pixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test shrinks the images from 64 to 32 pixels, so that a pixel becomes twice as large."""
    for phase in ("train", "test"):
        for side in "AB":
            (tmp_path / "cells" / phase / side).mkdir(parents=True)
            for number in range(2):
                tifffile.imwrite(
                    tmp_path / "cells" / phase / side / f"{number}.tif",
                    noise(64, 64),
                    ome=True,
                    metadata={"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5},
                )
    monkeypatch.chdir(tmp_path)
    train = f"train --dataroot cells --name run {' '.join(PIX2PIX)} --n_epochs 1 --n_epochs_decay 0"
    for words in (train, "test --device cpu --load_size 32"):
        with pytest.raises(SystemExit) as ended:
            main(words.split())
        assert ended.value.code == 0
    images = tmp_path / "results" / "run" / "test_latest" / "images"
    (result,) = images.glob("0_fake_B*.tif")
    size = pixel_size_of(result, BUILTIN)
    assert tifffile.imread(result).shape == (32, 32)
    assert size == PixelSize(1.0, 1.0, "µm")


def test_16_bit_png_of_other_programs(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("imagecodecs")
    grey, colour = noise(12, 10), noise(12, 10, 3)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    cv2.imwrite(str(tmp_path / "colour.png"), colour[..., ::-1])
    Image.fromarray(grey).save(tmp_path / "pillow.png")
    for name, expected in (("grey", grey[..., None]), ("colour", colour), ("pillow", grey[..., None])):
        assert np.array_equal(np.asarray(read_file(tmp_path / f"{name}.png")), expected)
    dataset = pixlate.create_dataset("single", dataroot=tmp_path, preprocess="none")
    assert dataset.fields["A"].dtype == "uint16"


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "deflate", "lzw"])
def test_floating_point_numbers_in_either_order_of_bytes(
    byteorder: str, compression: str | None, tmp_path: Path
) -> None:
    values = np.linspace(-3, 7, 48, dtype=np.float32).reshape(6, 8)
    if compression == "lzw":
        pytest.importorskip("imagecodecs")
    tifffile.imwrite(tmp_path / "a.tif", values.astype(f"{byteorder}f4"), byteorder=byteorder, compression=compression)
    assert np.array_equal(np.squeeze(np.asarray(read_file(tmp_path / "a.tif"))), values)
