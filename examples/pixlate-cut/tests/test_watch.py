"""The event hooks: what is written for each epoch, and when somebody is warned."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pixlate.plugins import Progress

from pixlate_cut_watch import CutWatch


class FileLog:
    """A text log that is written at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, line: str) -> None:
        with self.path.open("a") as file:
            file.write(line + "\n")


class FakeRun:
    """As much of a run as the hooks use."""

    def __init__(self, folder: Path, options: dict[str, Any]) -> None:
        self.folder, self.options = folder, options

    def open_log(self, filename: str) -> FileLog:
        return FileLog(self.folder / filename)


def run_of(folder: Path, model: str = "cut", **options: Any) -> Any:
    return FakeRun(folder, {"model": model, "lambda_NCE": 10.0, **options})


def images(change: float) -> dict[str, torch.Tensor]:
    real_A = torch.zeros(1, 3, 4, 4)
    return {"real_A": real_A, "fake_B": real_A + 2 * change}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "cut_watch.jsonl").read_text().splitlines()]


def test_confusion_and_change_are_written(tmp_path: Path) -> None:
    run, watch = run_of(tmp_path), CutWatch()
    watch.run_started(run)
    watch.losses_logged(run, Progress(1, 100, 100, 100), {"NCE": 10 * math.log(32), "G": 1.0})
    watch.images_shown(run, Progress(2, 0, 400, 400), images(0.25))
    assert lines(tmp_path) == [
        {"epoch": 1, "images": 100, "confusion": 32.0},
        {"epoch": 2, "images": 400, "change": 0.25},
    ]


def test_a_copy_is_warned_of_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, watch = run_of(tmp_path), CutWatch()
    watch.run_started(run)
    for epoch, change in ((1, 0.3), (2, 0.001), (3, 0.001)):
        progress = Progress(epoch, 100, 100 * epoch, 100)
        watch.images_shown(run, progress, images(change))
        watch.epoch_ended(run, progress)
        assert ("epoch 2" in capsys.readouterr().err) == (epoch == 2)


def test_an_epoch_without_images_is_not_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, watch = run_of(tmp_path), CutWatch()
    watch.run_started(run)
    watch.epoch_ended(run, Progress())
    assert capsys.readouterr().err == ""


def test_other_models_are_left_alone(tmp_path: Path) -> None:
    run, watch = run_of(tmp_path, model="pix2pix"), CutWatch()
    watch.run_started(run)
    watch.losses_logged(run, Progress(), {"G_L1": 1.0})
    watch.images_shown(run, Progress(), images(0.0))
    watch.epoch_ended(run, Progress())
    assert not list(tmp_path.iterdir())


def test_without_the_patch_loss_only_change_is_written(tmp_path: Path) -> None:
    run, watch = run_of(tmp_path, lambda_NCE=0.0), CutWatch()
    watch.run_started(run)
    watch.losses_logged(run, Progress(), {"NCE": 0.0})
    watch.images_shown(run, Progress(), images(0.5))
    assert [set(line) for line in lines(tmp_path)] == [{"epoch", "images", "change"}]
