"""`pixlate translate --tile`: large images, beside what a Translator makes of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from image_files import write
from translations import lines_of, opened, pixels, save_run, translate

import pixlate
from pixlate.plugins.field import Field

Output = pytest.CaptureFixture[str]
SIDE = 32


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose options allow images of 3,000 pixels."""
    folder = save_run(tmp_path_factory.mktemp("checkpoints") / "tiny")
    options = json.loads((folder / "options.json").read_text())
    options["options"]["max_image_pixels"] = 3000
    (folder / "options.json").write_text(json.dumps(options))
    return folder


def test_images_are_translated_in_tiles(model: Path, tmp_path: Path) -> None:
    write(tmp_path / "photos" / "a.png", (50, 40), 1)
    assert translate(tmp_path / "photos", "-o", tmp_path / "out", "--tile", "32", "--overlap", "8", model=model) == 0
    expected = pixlate.load(model, device="cpu").tiled(tmp_path / "photos" / "a.png", tile=32, overlap=8)
    assert np.array_equal(pixels(tmp_path / "out" / "a.png"), np.asarray(expected))
    assert lines_of(tmp_path / "out")[0]["options"]["tiles"]["tile"] == 32


def test_a_tiff_file_beyond_the_limit_is_translated_by_tiles(model: Path, tmp_path: Path, capsys: Output) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    source = tmp_path / "a.tif"
    values = np.random.default_rng(0).integers(0, 255, (70, 600, 3)).astype(np.uint8)
    tifffile.imwrite(source, values, tile=(16, 16), photometric="rgb")
    assert translate(source, "-o", tmp_path / "out", model=model) == 1
    assert "--max_image_pixels allows 3000" in capsys.readouterr().err
    arguments = ("-o", tmp_path / "out", "--tile", "32", "--format", "tif", "--pyramid", "--resume")
    assert translate(source, *arguments, model=model) == 0
    expected = pixlate.load(model, device="cpu").tiled(values, tile=32)
    with tifffile.TiffFile(tmp_path / "out" / "a.tif") as file:
        assert np.array_equal(file.asarray(), expected)
        assert [level.shape[:2] for level in file.series[0].levels] == [(70, 600), (35, 300)]
        assert file.pages[0].software.startswith("pixlate")
    assert lines_of(tmp_path / "out")[-1]["width"] == 600
    assert translate(source, *arguments, model=model) == 0
    assert "1 kept as made before" in capsys.readouterr().out
    assert translate(source, "-o", tmp_path / "b.png", "--tile", "32", model=model) == 0
    assert np.array_equal(pixels(tmp_path / "b.png"), expected)
    assert opened(tmp_path / "b.png").info["Software"].startswith("pixlate")


def test_classes_of_a_large_file_have_their_palette(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs the extra 'formats'")
    fields = {"A": Field(), "B": Field(kind="labels", classes=3)}
    model = save_run(tmp_path / "labels", fields=fields, output_nc=3)
    values = np.random.default_rng(0).integers(0, 255, (50, 40, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    assert translate(tmp_path / "a.tif", "-o", tmp_path / "large.png", "--tile", "32", model=model) == 0
    expected = pixlate.load(model, device="cpu").with_tiles(pixlate.TileOptions(32))(tmp_path / "a.tif")
    result = opened(tmp_path / "large.png")
    assert (result.mode, expected.mode) == ("P", "P")
    assert np.array_equal(np.asarray(result), np.asarray(expected))
    assert np.array_equal(np.asarray(result.convert("RGB")), np.asarray(expected.convert("RGB")))


def test_exact_tiles_are_the_whole_image_and_say_their_cost(model: Path, tmp_path: Path, capsys: Output) -> None:
    source = write(tmp_path / "a.png", (190, 12), 1)
    assert translate(source, "-o", tmp_path / "b.png", "--tile", "184", "--exact", model=model) == 0
    assert "exact tiles: 18 passes over" in capsys.readouterr().out
    whole = pixlate.load(model, device="cpu").with_tiles(pixlate.TileOptions(512))(source)  # one tile, no dropout
    assert np.abs(pixels(tmp_path / "b.png").astype(int) - np.asarray(whole)).max() <= 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--overlap", "0"], "--overlap is about tiles: --tile is missing"),
        (["--exact"], "--exact is about tiles: --tile is missing"),
        (["--tile", "30"], "a tile of 30 pixels does not fit resnet_6blocks, whose sides are multiples of 4"),
        (["--tile", "32", "--overlap", "30"], "an overlap of 30 pixels is more than half of a tile of 32"),
        (["--tile", "32", "--overlap", "16", "--exact"], "looks as far as 60 pixels, and needs an overlap of 60"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(
    options: list[str], sentence: str, model: Path, tmp_path: Path, capsys: Output
) -> None:
    source = write(tmp_path / "a.png", (40, 40), 1)
    assert translate(source, "-o", tmp_path / "b.png", *options, model=model) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "b.png").exists()
