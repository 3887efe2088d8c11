"""What commands say of how faithful a run's outputs are to their inputs: metrics, the gauge, the map, the floor."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run_pixlate
from image_files import write_pairs, write_sides
from PIL import Image

from pixlate.__main__ import main

SMALL = "--netG resnet_6blocks --ngf 2 --ndf 2 --load_size 36 --crop_size 32 --num_threads 0 --display_id 0"
Command = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an unpaired run and one whose output is labels."""
    folder = tmp_path_factory.mktemp("faithful")
    write_pairs(folder / "pairs", "train", 3, (80, 40))
    write_pairs(folder / "pairs", "test", 3, (80, 40))
    for phase, sizes in (("train", (4, 9)), ("test", (5, 6))):
        write_sides(folder / "sides", phase, sizes, (40, 40))
    end = f"{SMALL} --n_epochs 1 --n_epochs_decay 0 --device cpu --checkpoints_dir {folder / 'checkpoints'}"
    for words in (
        f"train --model cycle_gan --dataroot {folder / 'sides'} --name unpaired",
        f"train --model pix2pix --dataroot {folder / 'pairs'} --name labels --field B=mask",
    ):
        with pytest.raises(SystemExit) as ended:
            main(f"{words} {end}".split())
        assert ended.value.code == 0
    return folder


@pytest.fixture
def command(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `pixlate …` beside the runs; returns what was printed."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")

    def run(words: str, code: int = 0) -> str:
        printed = run_pixlate(f"{words} --device cpu", capsys, code)
        return printed.out + (printed.err if code else "")

    return run


def test_unpaired_data_is_compared_with_its_inputs(command: Command) -> None:
    words = "evaluate unpaired --metric change --metric edges_lost --metric edges_invented"
    content = json.loads(command(f"{words} --json -"))
    (run,) = content["runs"]
    for name in ("change", "edges_lost", "edges_invented"):
        measured: dict[str, Any] = run["metrics"][name]
        assert measured["n"] == 5
        assert 0 <= measured["low"] <= measured["value"] <= measured["high"] <= 1
        assert len({row[name] for row in run["per_image"]}) > 1
    assert run["translated"]["change"] == pytest.approx(run["metrics"]["change"]["value"], abs=1e-5)
    printed = command(words)
    assert "The outputs differ from their inputs by " in printed
    assert "the colours of the two domains by " in printed


def test_the_map_shows_where_the_output_differs(command: Command, folder: Path) -> None:
    printed = command("test --name unpaired --metric change --worst_first --change_map")
    assert "The outputs differ from their inputs by " in printed
    results = folder / "results" / "unpaired" / "test_latest"
    page = (results / "index.html").read_text("utf-8")
    assert "black 0, red 0.17, yellow 0.33, white 0.5 or more" in page
    maps = sorted((results / "images").glob("*_change.png"))
    assert len(maps) == 5
    for path in maps:
        shown = np.asarray(Image.open(path)).astype(float)
        fake, given = (
            np.asarray(Image.open(path.with_name(path.name.replace("change", label)))).astype(float)
            for label in ("fake_B", "real_A")
        )
        expected = np.abs(fake - given).mean(2) / 255 / 0.5 * 3  # 1 for red, 2 for yellow, 3 for white
        np.testing.assert_allclose(shown.sum(2) / 255, expected.clip(0, 3), atol=0.06)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("evaluate labels --metric change", "is for images, but the output of this run is a mask"),
        ("test --name labels --change_map", "both must be images of the same channels and size"),
    ],
)
def test_labels_are_refused_in_one_sentence(words: str, message: str, command: Command) -> None:
    printed = command(words, 2)
    assert message in printed
    assert "Traceback" not in printed


def test_images_without_a_target_have_metrics_of_the_input(command: Command, folder: Path) -> None:
    words = f"test --model test --dataroot {folder / 'sides' / 'testA'} --name unpaired --model_suffix _A --no_dropout"
    assert "of 5 images" in command(f"{words} --metric change")
    assert "there is nothing to compare with" in command(f"{words} --metric l1", 1)


def test_the_noise_floor_is_of_as_many_images_as_are_measured(command: Command) -> None:
    pytest.importorskip("kornia", reason="needs the extra 'color'")
    content = json.loads(command("evaluate unpaired --metric lab_L --json -"))
    measured = content["runs"][0]["metrics"]["lab_L"]
    assert (measured["n"], measured["floor_n"], measured["floor_phase"]) == (5, 5, "train")
    assert 0 < measured["floor"] < 1
    assert "(train), of 5 images" in command("evaluate unpaired --metric lab_L")
