"""Continuing a run with other options: refused where it would become another run, listed otherwise."""

import json
import shutil
from pathlib import Path

import pytest
from trainings import PIX2PIX, make_images, state_of, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("compatibility")
    make_images(root / "images")
    train(root / "whole", *PIX2PIX, "--n_epochs", "1")
    return root


def copy_of(folder: Path, name: str) -> Path:
    shutil.copytree(folder / "whole", folder / name)
    return folder / name


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (("--netG", "resnet_9blocks", "--ngf", "4"), ("netG: resnet_6blocks -> resnet_9blocks", "ngf: 2 -> 4")),
        (("--norm", "instance"), ("norm: batch -> instance",)),
        (("--no_dropout",), ("dropout: True -> False",)),
        (("--direction", "BtoA"), ("direction: AtoB -> BtoA",)),
        (("--crop_size", "36"), ("crop_size: 32 -> 36",)),
        (("--seed", "1"), ("seed: 0 -> 1",)),
        (("--ema",), ("ema: False -> True",)),
    ],
    ids=lambda value: value[0],
)
def test_another_run_is_refused_with_the_difference(
    folder: Path, options: tuple[str, ...], difference: tuple[str, ...]
) -> None:
    runs = folder / "whole"
    before = {path: path.read_bytes() for path in (runs / "run").iterdir() if path.is_file() and path.name != ".lock"}
    refused = train(runs, "--continue_train", *options, expect=2)
    assert refused.output.count("\n") == 1
    for text in difference:
        assert text in refused.output
    assert {path: path.read_bytes() for path in before} == before


def test_another_model_is_refused(folder: Path) -> None:
    refused = train(folder / "whole", "--continue_train", "--model", "cycle_gan", expect=2)
    assert "contradicts run 'run', which is a pix2pix" in refused.output


def test_other_images_are_refused_and_moved_ones_are_not(folder: Path) -> None:
    runs = copy_of(folder, "data")
    moved = folder / "elsewhere"
    shutil.copytree(folder / "images", moved)
    more = train(runs, "--continue_train", "--dataroot", moved, "--n_epochs", "2")
    assert f"dataroot: {folder / 'images'} -> {moved}" in more.output
    (moved / "train" / "00.png").rename(moved / "train" / "zero.png")
    refused = train(runs, "--continue_train", "--dataroot", moved, "--n_epochs", "3", expect=2)
    assert "trained on 9 files of other names" in refused.output
    (moved / "train" / "zero.png").unlink()
    refused = train(runs, "--continue_train", "--dataroot", moved, "--n_epochs", "3", expect=2)
    assert "trained on 9 files and there are 8 now" in refused.output


def test_harmless_changes_are_listed_and_recorded_once(folder: Path) -> None:
    runs = copy_of(folder, "harmless")
    more = train(runs, "--continue_train", "--n_epochs", "2", "--lambda_L1", "50", "--print_freq", "1")
    listed = [line for line in more.output.splitlines() if line.startswith("Changed since the run was started: ")]
    assert [line.split(": ", 1)[1] for line in sorted(listed)] == [
        "lambda_L1: 100.0 -> 50.0",
        "n_epochs: 1 -> 2",
        "print_freq: 2 -> 1",
    ]
    again = train(runs, "--continue_train", "--n_epochs", "3")
    assert "lambda_L1" not in again.output
    stored = json.loads((runs / "run" / "options.json").read_text())
    assert stored["options"]["lambda_L1"] == 50
    assert stored["changes"] == [
        {"images": 18, "changed": {"lambda_L1": [100.0, 50.0], "n_epochs": [1, 2], "print_freq": [2, 1]}},
        {"images": 27, "changed": {"n_epochs": [2, 3]}},
    ]


def test_a_moved_run_is_continued_where_it_lies(folder: Path) -> None:
    runs = copy_of(folder, "moved")
    train(runs, "--continue_train", "--n_epochs", "2")
    assert state_of(runs / "run")["position"]["images"] == 27
    assert state_of(folder / "whole" / "run")["position"]["images"] == 18


def test_nothing_is_refused_where_nothing_was_saved(folder: Path) -> None:
    runs = copy_of(folder, "unsaved")
    for pattern in ("*.pt*", "*.pth"):
        for path in (runs / "run").glob(pattern):
            path.unlink()
    train(runs, *PIX2PIX, "--continue_train", "--crop_size", "36", "--n_epochs", "1")
    stored = json.loads((runs / "run" / "options.json").read_text())
    assert stored["options"]["crop_size"] == 36
    assert stored["changes"] == []


@pytest.mark.parametrize(
    "option", [("--epoch_count", "2"), ("--epoch", "1"), ("--epoch", "best"), ("--load_iter", "9")]
)
def test_another_position_than_the_states_is_refused(folder: Path, option: tuple[str, str]) -> None:
    refused = train(folder / "whole", "--continue_train", "--n_epochs", "2", *option, expect=2)
    assert f"{' '.join(option)} contradicts the stored state of run 'run'" in refused.output
    assert "resumed in epoch 3, at 18 images" in refused.output
    assert "--init_from" in refused.output


@pytest.mark.parametrize("option", [("--epoch_count", "3"), ("--epoch", "2"), ("--load_iter", "18")])
def test_the_states_own_position_may_be_named(folder: Path, option: tuple[str, str]) -> None:
    runs = copy_of(folder, f"position{option[0]}")
    train(runs, "--continue_train", "--n_epochs", "2", *option)
    assert state_of(runs / "run")["position"]["images"] == 27


def test_a_stored_value_of_the_wrong_kind_is_a_sentence(folder: Path) -> None:
    runs = copy_of(folder, "kinds")
    stored = json.loads((runs / "run" / "options.json").read_text())
    stored["options"]["crop_size"] = []
    (runs / "run" / "options.json").write_text(json.dumps(stored))
    refused = train(runs, "--continue_train", expect=2)
    assert "a value of the wrong kind" in refused.output
    assert "Traceback" not in refused.output
