"""Which images of a trained run a student learns from, and which it is measured on."""

import shutil
from pathlib import Path

import pytest
from image_files import write_pairs, write_sides

from pixlate import get_plugins
from pixlate.errors import DataError, OptionError
from pixlate.options.command.resolve import resolve
from pixlate.runs.distillation.data import TeacherData


def data(root: Path, *words: str, direction: str = "AtoB") -> TeacherData:
    small = ("--load_size", "32", "--crop_size", "32")
    resolved = resolve("train", ["--dataroot", str(root), "--name", "run", *small, *words], get_plugins())
    return TeacherData(resolved, direction, ())


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for phase, count in (("train", 7), ("val", 2), ("test", 3)):
        write_pairs(tmp_path / "pairs", phase, count)
    return tmp_path / "pairs"


def test_quality_is_measured_on_the_test_else_on_val_else_on_the_training(pairs: Path) -> None:
    for expected, count in (("test", 3), ("val", 2), ("train", 7)):
        found = data(pairs, "--model", "pix2pix")
        assert (found.measured.shared.phase, len(found.measured)) == (expected, count)
        assert len(found.training) == 7
        shutil.rmtree(pairs / expected) if expected != "train" else None


def test_what_a_training_held_out_is_not_learnt_from(tmp_path: Path) -> None:
    found = data(write_pairs(tmp_path, count=10), "--model", "pix2pix", "--val_fraction", "0.3")
    assert len(found.training) + len(found.held_out["val"]) == 10
    assert set(found.training.files()).isdisjoint(found.held_out["val"].files())


def test_each_input_of_unpaired_data_is_seen_once_a_view(tmp_path: Path) -> None:
    root = write_sides(tmp_path, counts=(4, 6))
    for direction, count in (("AtoB", 4), ("BtoA", 6)):
        training = data(root, direction=direction).training
        side = "A" if direction == "AtoB" else "B"
        assert len({training[1, index][f"{side}_paths"] for index in range(len(training))}) == len(training) == count


@pytest.mark.parametrize(("count", "views"), [(4, 20), (150, 14), (2500, 1)])
def test_views_make_up_for_few_images(count: int, views: int, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = data(pairs, "--model", "pix2pix")
    monkeypatch.setattr(type(found.training), "__len__", lambda self: count)
    assert found.usual_views == views


def test_data_that_a_student_cannot_read_is_refused(tmp_path: Path, pairs: Path) -> None:
    with pytest.raises(DataError, match="is gone: name the folder where it is now"):
        data(tmp_path / "none")
    pytest.importorskip("kornia")
    with pytest.raises(OptionError, match="channels of CIELAB"):
        data(pairs, "--model", "colorization")
