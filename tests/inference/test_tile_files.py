"""Large files: regions of TIFF files, output in tiles, pyramids and metadata, against the same image in memory."""

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import pixlate
from pixlate.data.reading import BadImageError, Reading, read_file, read_image
from pixlate.errors import DataError, OptionError
from pixlate.inference.engine import ModelEngine
from pixlate.inference.region_source import RegionSource, opened_regions
from pixlate.inference.tile_files import translate_file
from pixlate.inference.tiling.options import TileOptions
from pixlate.inference.tiling.png_rows import write_png
from pixlate.inference.tiling.tiff_tiles import TiffLayout, write_tiff
from pixlate.inference.translator import Translator

SMALL = TileOptions(64, 16)
NOISE = np.random.default_rng(0)


def noise(*shape: int, dtype: str = "uint8") -> Any:
    return NOISE.integers(0, 250, shape).astype(dtype)


@pytest.fixture(scope="module")
def translate(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    """A generator with random weights, strong enough that its output is not grey."""
    torch.manual_seed(0)
    net = pixlate.create_generator("resnet_6blocks", input_nc=3, output_nc=3, ngf=2)
    for weight in net.parameters():
        if weight.dim() > 1:
            weight.data.mul_(4)
    path = tmp_path_factory.mktemp("run") / "latest_net_G.pth"
    torch.save(net.state_dict(), path)
    return pixlate.load(path, device="cpu")


def expected(translate: Translator, image: Any, options: TileOptions = SMALL) -> Any:
    return np.asarray(translate.with_tiles(options)(Image.fromarray(image)))


def test_a_translator_with_tiles_takes_every_form_of_an_image(translate: Translator, tmp_path: Path) -> None:
    pixels = noise(90, 130, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    result = translate.tiled(pixels, tile=64, overlap=16)
    assert result.shape == pixels.shape
    assert np.array_equal(np.asarray(translate.tiled(tmp_path / "a.png", tile=64, overlap=16)), result)
    assert np.array_equal(translate.tiled([pixels], tile=64, overlap=16)[0], result)
    long = noise(16, 200, 3)
    exact = translate.tiled(long, tile=184, exact=True)
    assert np.abs(exact.astype(int) - np.asarray(translate(long))).max() <= 1
    assert translate.tiles is None


class Masked:
    """A model that takes an image and a mask, as its engine."""

    name = network = "masked"
    device, parameters, digest = "cpu", 0, ""
    fields: dict[str, Any] = {}  # noqa: RUF012
    channels, output_scale = (3, 3), 1

    def __init__(self) -> None:
        self.sides_seen: list[tuple[int, ...]] = []

    def sides(self) -> Any:
        from pixlate.util.sizes import SideRule

        return SideRule(8)

    def prepare(self, batch: Any) -> None:
        pass

    def run(self, batch: Any) -> Tensor:
        self.sides_seen.append(tuple(batch["A"].shape[2:]))
        assert batch["target"] == torch.tensor([2])
        y: Tensor = batch["A"] * batch["mask"]
        return y


def test_further_images_are_divided_as_the_input_is(caplog: pytest.LogCaptureFixture) -> None:
    engine = Masked()
    translate = Translator(engine, tiles=TileOptions(16, 4))  # type: ignore[arg-type]
    x, mask = torch.rand(2, 3, 30, 41), torch.rand(2, 1, 30, 41)
    y = translate.tensor(x, mask=mask, target=torch.tensor([2]))
    assert torch.allclose(y, x * mask, atol=1e-6)
    assert set(engine.sides_seen) == {(16, 16)}
    assert "masked is an exported file" in caplog.text  # it is no model, whose norms could be found
    with pytest.raises(OptionError, match="exported file, whose layers are not known"):
        translate.with_tiles(TileOptions(16, exact=True)).tensor(x, mask=mask, target=torch.tensor([2]))


def test_dropout_is_off_in_tiles() -> None:
    model = pixlate.create_model("pix2pix", train=False, netG="unet_128", ngf=2, dropout=True, norm="batch")
    translate = Translator(ModelEngine(model))
    x = torch.rand(1, 3, 128, 200) * 2 - 1
    tiled = translate.with_tiles(TileOptions(128))
    assert torch.equal(tiled.tensor(x, names=["a"]), tiled.tensor(x, names=["b"]))
    assert not torch.equal(translate.tensor(x, names=["a"]), translate.tensor(x, names=["b"]))


# --- writing -------------------------------------------------------------------------------------------------------


def in_bands(values: Any, heights: list[int]) -> Iterator[Any]:
    top = 0
    for height in [*heights, len(values)]:
        if top < len(values):
            yield values[top : top + height]
        top += height


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 4),
    st.sampled_from(["uint8", "uint16"]),
    st.lists(st.integers(1, 30), max_size=4),
)
def test_png_files_hold_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, channels: int, dtype: str, heights: list[int]
) -> None:
    path = tmp_path_factory.mktemp("png") / "a.png"
    values = noise(height, width, channels, dtype=dtype)
    write_png(path, in_bands(values, heights), values.shape, dtype)
    with Image.open(path) as image:
        image.load()
        if dtype == "uint8" or channels == 1:
            assert np.array_equal(np.asarray(image).reshape(values.shape), values)


@settings(deadline=None, max_examples=8)
@given(
    st.integers(2, 1100),  # of a single row tifffile finds no copies of lower resolution
    st.integers(2, 600),
    st.sampled_from([(1, "float32"), (3, "uint8"), (2, "uint16"), (5, "uint8")]),
    st.lists(st.integers(1, 600), max_size=3),
    st.booleans(),
)
def test_tiff_files_hold_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    height: int,
    width: int,
    kind: tuple[int, str],
    heights: list[int],
    averaged: bool,
) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    path = tmp_path_factory.mktemp("tif") / "a.tif"
    values = noise(height, width, kind[0], dtype=kind[1])
    write_tiff(path, in_bands(values, heights), values.shape, kind[1], TiffLayout(pyramid=True, averaged=averaged))
    with tifffile.TiffFile(path) as file:
        levels = file.series[0].levels
        assert np.array_equal(levels[0].asarray().reshape(values.shape), values)
        assert max(levels[-1].shape[:2]) <= 512
        for above, level in pairwise(levels):
            assert level.shape[:2] == ((above.shape[0] + 1) // 2, (above.shape[1] + 1) // 2)
            if not averaged:
                assert np.array_equal(level.asarray(), above.asarray()[::2, ::2])
            elif kind == (3, "uint8"):
                even = above.asarray()[: above.shape[0] // 2 * 2, : above.shape[1] // 2 * 2].astype(float)
                mean = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
                assert np.abs(level.asarray()[: len(mean), : mean.shape[1]] - mean).max() <= 0.5
    assert list(path.parent.iterdir()) == [path]


# --- regions -------------------------------------------------------------------------------------------------------

FORMS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((70, 90, 3), {"photometric": "rgb"}),
    ((70, 90, 3), {"photometric": "rgb", "rowsperstrip": 16}),
    ((70, 90, 3), {"photometric": "rgb", "tile": (32, 48), "compression": "deflate"}),
    ((70, 90, 3), {"photometric": "rgb", "tile": (32, 48), "compression": "zstd", "predictor": True}),
    ((70, 90, 3), {"photometric": "rgb", "rowsperstrip": 16, "compression": "lzw"}),
    ((3, 70, 90), {"photometric": "rgb", "planarconfig": "separate"}),
    ((3, 70, 90), {"photometric": "rgb", "planarconfig": "separate", "tile": (32, 32), "compression": "deflate"}),
    ((70, 90), {"photometric": "minisblack", "bigtiff": True}),
    ((70, 90), {"photometric": "minisblack", "byteorder": ">"}),
    ((4, 70, 90), {"photometric": "minisblack", "ome": True, "metadata": {"axes": "CYX"}}),
    ((2, 4, 70, 90), {"photometric": "minisblack", "ome": True, "metadata": {"axes": "ZCYX"}}),
    ((4, 2, 70, 90), {"photometric": "minisblack", "imagej": True, "metadata": {"axes": "ZCYX"}}),
    ((70, 90, 4), {"photometric": "rgb", "extrasamples": ["unassalpha"], "tile": (16, 16)}),
]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(("shape", "arguments"), FORMS, ids=str)
def test_regions_are_parts_of_the_whole(
    shape: tuple[int, ...], arguments: dict[str, Any], dtype: str, tmp_path: Path
) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(*shape, dtype=dtype), **arguments)
    whole = np.asarray(read_file(path))
    whole = whole if whole.ndim == 3 else whole[..., None]
    with opened_regions(path, Reading(max_pixels=90 * 70)) as regions:
        assert type(regions).__name__ == "TiffRegions"
        assert (regions.height, regions.width, regions.channels) == whole.shape
        for top, bottom, left, right in ((0, 70, 0, 90), (0, 1, 0, 1), (15, 33, 47, 90), (69, 70, 89, 90)):
            assert np.array_equal(regions.read(top, bottom, left, right), whole[top:bottom, left:right])


@pytest.mark.parametrize("name", ["a.jpg", "b.tif", "c.tif"])
def test_files_that_have_no_regions_are_decoded_whole(name: str, tmp_path: Path) -> None:
    if name != "a.jpg":
        pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    image = Image.fromarray(noise(40, 50, 3))
    image.save(tmp_path / "a.jpg")
    image.quantize(16).save(tmp_path / "b.tif")
    image.save(tmp_path / "c.tif", exif=_turned())
    whole = np.asarray(read_file(tmp_path / name))
    with opened_regions(tmp_path / name, Reading()) as regions:
        assert type(regions).__name__ == "_Decoded"
        assert np.array_equal(regions.read(3, 20, 5, 31)[..., 0], whole.reshape(*whole.shape[:2], -1)[3:20, 5:31, 0])
    with (
        pytest.raises(BadImageError, match="--max_image_pixels"),
        opened_regions(tmp_path / name, Reading(False, 9)),
    ):
        pass


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


# --- from file to file ---------------------------------------------------------------------------------------------


def test_a_large_file_is_translated_as_the_image_in_memory(translate: Translator, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    pixels = noise(150, 1100, 3)
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    with tifffile.TiffWriter(tmp_path / "a.tif", ome=True) as file:
        file.write(pixels, tile=(64, 64), photometric="rgb", subifds=1, metadata=metadata)
        file.write(pixels[::2, ::2], tile=(64, 64), photometric="rgb", subfiletype=1)
    small = Translator(translate.engine, reading=Reading(max_pixels=64 * 64))  # of a tile: the whole has more
    calls: list[tuple[int, int]] = []
    translate_file(
        small, tmp_path / "a.tif", tmp_path / "b.tif", SMALL, progress=lambda done, total: calls.append((done, total))
    )
    with tifffile.TiffFile(tmp_path / "b.tif") as result:
        assert np.array_equal(result.asarray(), expected(translate, pixels))
        assert [level.shape for level in result.series[0].levels] == [(150, 1100, 3), (75, 550, 3), (38, 275, 3)]
        assert result.is_ome
        assert 'PhysicalSizeX="0.25"' in result.ome_metadata
        assert 'PhysicalSizeY="0.5"' in result.ome_metadata
    assert calls[-1][0] == calls[-1][1] == len(calls)
    translate_file(small, tmp_path / "a.tif", tmp_path / "c.png", SMALL)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "c.png")), expected(translate, pixels))


def test_the_resolution_is_kept(translate: Translator, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    tifffile.imwrite(tmp_path / "a.tif", noise(40, 40, 3), photometric="rgb", resolution=(300, 150), resolutionunit=2)
    translate_file(translate, tmp_path / "a.tif", tmp_path / "b.tif", SMALL, pyramid=False, compression="none")
    with tifffile.TiffFile(tmp_path / "b.tif") as result:
        page = result.pages[0]
        assert page.resolution == pytest.approx((300, 150))
        assert int(page.resolutionunit) == 2


def test_other_files_are_translated_by_tiles(translate: Translator, tmp_path: Path) -> None:
    pixels = noise(90, 100, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    translate_file(translate, tmp_path / "a.png", tmp_path / "b.png", SMALL)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "b.png")), expected(translate, pixels))


def test_floating_point_values_have_one_range_for_all_tiles(translate: Translator, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    values = np.linspace(0, 7, 100 * 90, dtype=np.float32).reshape(100, 90)
    tifffile.imwrite(tmp_path / "a.tif", values, tile=(16, 16), photometric="minisblack")
    translate_file(translate, tmp_path / "a.tif", tmp_path / "b.png", SMALL)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "b.png")), translate.tiled(values, tile=64, overlap=16))


def test_what_cannot_be_done_is_one_sentence(translate: Translator, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, noise(200, 100, 3), photometric="rgb", compression="deflate", rowsperstrip=200)
    with pytest.raises(OptionError, match=r"name it \.tif or \.png"):
        translate_file(translate, source, tmp_path / "b.jpg")
    before = source.read_bytes()
    with pytest.raises(OptionError, match="is the image itself"):
        translate_file(translate, source, source)
    assert source.read_bytes() == before
    with pytest.raises(OptionError, match="compression 'jpeg' is none of deflate, zstd, none"):
        translate_file(translate, source, tmp_path / "b.tif", compression="jpeg")
    with pytest.raises(OptionError, match="a tile of 33 pixels does not fit resnet_6blocks"):
        translate_file(translate, source, tmp_path / "b.tif", TileOptions(33))
    with pytest.raises(BadImageError, match="pieces of 20000 pixels, and --max_image_pixels allows 19999"):
        translate_file(Translator(translate.engine, reading=Reading(max_pixels=19999)), source, tmp_path / "b.tif")
    with pytest.raises(BadImageError):
        translate_file(translate, tmp_path / "missing.tif", tmp_path / "b.tif")
    with pytest.raises(DataError, match="cannot be written"):
        translate_file(translate, source, tmp_path / "missing" / "b.png", SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif"]


def test_a_damaged_file_of_floating_point_numbers(translate: Translator, tmp_path: Path) -> None:
    """Its range is measured before the first tile."""
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, noise(200, 100, dtype="float32"), compression="deflate", tile=(64, 64))
    source.write_bytes(source.read_bytes()[:-5000])
    with pytest.raises(BadImageError, match=r"a\.tif"):
        translate_file(translate, source, tmp_path / "b.png", SMALL)


@pytest.mark.parametrize("damage", ["cut", "rubbish", "sparse bomb"])
def test_a_damaged_file_leaves_nothing_behind(translate: Translator, damage: str, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")

    source = tmp_path / "a.tif"
    if damage == "sparse bomb":
        with tifffile.TiffWriter(source, bigtiff=True) as file:
            side, tile = 2**16, pytest.importorskip("imagecodecs").zstd_encode(bytes(2**24))
            tiles = iter([tile] * (side // 4096) ** 2)
            file.write(tiles, shape=(side, side), dtype="uint8", tile=(4096, 4096), compression="zstd")
    else:
        tifffile.imwrite(source, noise(200, 100, 3), photometric="rgb", compression="deflate", tile=(64, 64))
        data = bytearray(source.read_bytes())
        middle = len(data) // 2
        data[middle:] = b"" if damage == "cut" else bytes(len(data) - middle)
        source.write_bytes(bytes(data))
    with pytest.raises(DataError):
        translate_file(translate, source, tmp_path / "b.tif", SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif"]


def test_the_memory_does_not_grow_with_the_height(translate: Translator, tmp_path: Path) -> None:
    """What is allocated beside torch: decoded tiles of the source, bands, and tiles of the output."""
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    peaks = []
    for height in (512, 3072):
        source = tmp_path / f"{height}.tif"
        tifffile.imwrite(source, noise(height, 64, 3), photometric="rgb", tile=(64, 64), compression="deflate")
        tracemalloc.start()
        translate_file(translate, source, tmp_path / "b.tif", TileOptions(64, 16, norms="tile"), pyramid=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 2**20


@pytest.mark.parametrize(
    "how",
    [
        {"photometric": "ycbcr", "compression": "lzw", "subsampling": (1, 1)},
        {"photometric": "rgb", "extrasamples": ["unspecified"]},
        {"photometric": "rgb", "extrasamples": ["assocalpha"]},
        {"photometric": "rgb", "extrasamples": ["unassalpha"]},
    ],
    ids=str,
)
def test_colours_and_further_samples_are_read_as_of_the_whole(
    how: dict[str, Any], translate: Translator, tmp_path: Path
) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    values = noise(64, 48, 4 if "extrasamples" in how else 3)
    tifffile.imwrite(tmp_path / "a.tif", values, tile=(32, 32), **how)
    whole = np.asarray(read_image(tmp_path / "a.tif"))[3:40, 5:31]
    with opened_regions(tmp_path / "a.tif", Reading()) as regions:
        source = RegionSource(tmp_path / "a.tif", regions, translate)
        found = source.read(3, 40, 5, 31)
    levels = ((found[0] + 1) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(levels - whole).max() < 1.01
