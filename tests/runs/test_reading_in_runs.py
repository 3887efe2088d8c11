"""How a run reads its files: value ranges are stored and used again; replaced files are noticed; grey stays grey."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trainings import CYCLE_GAN, PIX2PIX, run, train

import pixlate

SIZES = ("--load_size", "32", "--crop_size", "32", "--num_threads", "0")
TEST = ("--num_threads", "0", "--device", "cpu")


def write_deep(path: Path, low: int, high: int) -> None:
    """A 16-bit image with values from low to high."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.tile(np.linspace(low, high, 32).astype(np.uint16), (32, 1))
    Image.fromarray(values).save(path)


def mode_of(path: Path) -> str:
    with Image.open(path) as image:
        return image.mode


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CycleGAN that was trained on 12-bit images, and brighter ones to test it with."""
    folder = tmp_path_factory.mktemp("scans")
    for side in "AB":
        for number in range(2):
            write_deep(folder / "data" / f"train{side}" / f"{number}.png", 0, 4000)
        write_deep(folder / "data" / f"test{side}" / "bright.png", 0, 8000)
    trained = train(folder, *CYCLE_GAN, *SIZES, "--dataroot", folder / "data", "--n_epochs", "1")
    assert "4 files have more than 8 bits; these values become black to white: A from 0 to 4095, B" in trained.output
    return folder


def test_value_ranges_are_stored_and_used_by_tests_and_by_load(scans: Path) -> None:
    stored = json.loads((scans / "run" / "options.json").read_text())
    assert stored["value_ranges"] == {"A": [0, 4095], "B": [0, 4095]}
    run("test", "--name", "run", "--checkpoints_dir", ".", *TEST, cwd=scans)
    real = Image.open(scans / "results" / "run" / "test_latest" / "images" / "bright_real_A.png").convert("L")
    assert list(np.asarray(real)[0, [0, 15, 16, 31]]) == [0, 240, 255, 255]  # 8000 is beyond 4095: clipped
    translate = pixlate.load(scans / "run", device="cpu")
    assert np.array_equal(translate(np.full((8, 8), 4095, np.uint16)), translate(np.full((8, 8), 9999, np.uint16)))


def test_held_out_images_are_shown_in_the_ranges_of_the_training(scans: Path) -> None:
    shown = scans / "run" / "web" / "images" / "held_out_epoch002_test_bright_real_A.png"
    real = Image.open(shown).convert("L")
    assert list(np.asarray(real)[0, [0, 15, 16, 31]]) == [0, 240, 255, 255]


def test_a_continued_run_keeps_its_ranges(scans: Path) -> None:
    more = train(scans, "--continue_train", "--dataroot", scans / "data", "--n_epochs", "2")
    assert "A from 0 to 4095" in more.output
    assert json.loads((scans / "run" / "options.json").read_text())["value_ranges"]["A"] == [0, 4095]


def test_replaced_files_are_said_when_a_run_is_continued(tmp_path: Path) -> None:
    for side in "AB":
        for number in range(2):
            write_deep(tmp_path / "data" / f"train{side}" / f"{number}.png", 0, 4000 + number)
    train(tmp_path, *CYCLE_GAN, *SIZES, "--dataroot", tmp_path / "data", "--n_epochs", "1")
    unchanged = train(tmp_path, "--continue_train", "--dataroot", tmp_path / "data", "--n_epochs", "2")
    assert "were replaced" not in unchanged.output
    write_deep(tmp_path / "data" / "trainA" / "0.png", 0, 3000)
    changed = train(tmp_path, "--continue_train", "--dataroot", tmp_path / "data", "--n_epochs", "3")
    assert changed.output.count("Files of the data were replaced since the run was saved") == 1


def test_grey_outputs_are_files_of_one_channel(tmp_path: Path) -> None:
    for phase in ("train", "test"):
        path = tmp_path / "data" / phase / "a.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 64), np.uint8)).save(path)
    train(tmp_path, *PIX2PIX, *SIZES, "--dataroot", tmp_path / "data", "--n_epochs", "1", "--output_nc", "1")
    run("test", "--name", "run", "--checkpoints_dir", ".", *TEST, cwd=tmp_path)
    images = tmp_path / "results" / "run" / "test_latest" / "images"
    assert {path.name: mode_of(path) for path in images.iterdir()} == {
        "a_real_A.png": "RGB",
        "a_fake_B.png": "L",
        "a_real_B.png": "L",
    }
