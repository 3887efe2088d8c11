"""Validation during a training: what is measured, the best checkpoint, the end of a run that does not become better."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from image_files import write_pairs, write_sides

from pixlate.__main__ import main
from pixlate.metrics import PairMetric
from pixlate.plugins import Field
from pixlate.util.randomness import reseed

SMALL = "--netG resnet_6blocks --ngf 2 --ndf 2 --load_size 36 --crop_size 32 --num_threads 0 --display_id 0"
Train = Callable[..., str]
Install = Callable[..., Path]

#: A metric whose value follows from a list, so that it is known which validation is the best.
SCRIPTED = """
from pixlate.metrics import Measured, Metric
from pixlate.plugins import hookimpl

VALUES = {values}

class Scripted(Metric):
    higher_is_better = True
    def add(self, fake, real): pass
    def result(self):
        from pathlib import Path
        log = Path("checkpoints/run/validation.jsonl")
        done = len(log.read_text().splitlines()) if log.exists() else 0
        return Measured(VALUES[done], 1)

@hookimpl
def register_metrics(register):
    register("scripted", Scripted, help="a list of values")
"""


#: A metric of sets, which needs more images than there are.
MANY = """
from pixlate.metrics import Measured, Metric
from pixlate.plugins import hookimpl

class Many(Metric):
    paired = False
    min_images = 9
    def add(self, fake, real): pass
    def result(self): return Measured(0.0, 1)

@hookimpl
def register_metrics(register):
    register("many", Many, help="needs nine images")
"""


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Train:
    """Trains the run "run" of tiny networks in the temporary folder."""
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "pairs", "train", 4, (80, 40))
    write_pairs(tmp_path / "pairs", "val", 5, (80, 40))

    def run(words: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(f"train --model pix2pix --dataroot pairs --name run --device cpu {SMALL} {words}".split())
        printed = capsys.readouterr()
        assert ended.value.code == code, printed.err
        return printed.out + printed.err

    return run


def validations(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "checkpoints" / "run" / "validation.jsonl").read_text().splitlines()]


def test_the_best_checkpoint_is_that_of_the_best_validation(
    train: Train, tmp_path: Path, installed_plugin: Install
) -> None:
    installed_plugin(SCRIPTED.format(values=[0.1, 0.7, 0.3, 0.7, 0.2]))
    printed = train("--n_epochs 4 --n_epochs_decay 1 --val_freq 1 --val_images 2 --metric scripted --metric l1")
    assert "Validating on 2 images of the phase 'val': scripted, l1; best by scripted." in printed
    found = validations(tmp_path)
    assert [each["metrics"]["scripted"] for each in found] == [0.1, 0.7, 0.3, 0.7, 0.2]
    assert [each["epoch"] for each in found] == [1, 2, 3, 4, 5]
    assert all(0 < each["metrics"]["l1"] < 1 for each in found)
    run = tmp_path / "checkpoints" / "run"
    state = torch.load(run / "best_state.pt", weights_only=True)
    assert state["position"]["images"] == 8  # after epoch 2: the first of equals
    assert (run / "best_net_G.pth").is_file()
    viewed = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert viewed[0]["metrics"]["val_scripted"] == 0.1


def test_a_run_that_does_not_become_better_ends(train: Train, tmp_path: Path, installed_plugin: Install) -> None:
    installed_plugin(SCRIPTED.format(values=[0.5, 0.6, 0.4, 0.5, 0.9]))
    printed = train("--n_epochs 9 --n_epochs_decay 0 --val_freq 1 --metric scripted --early_stop 2")
    assert "scripted has not become better in 2 validations" in printed
    assert len(validations(tmp_path)) == 4
    assert (tmp_path / "checkpoints" / "run" / "latest_state.pt").is_file()


def test_another_metric_chooses_the_best(train: Train, tmp_path: Path, installed_plugin: Install) -> None:
    installed_plugin(SCRIPTED.format(values=[0.9, 0.1, 0.1]))
    train("--n_epochs 3 --n_epochs_decay 0 --val_freq 1 --metric l1 --metric scripted --best_metric scripted")
    state = torch.load(tmp_path / "checkpoints" / "run" / "best_state.pt", weights_only=True)
    assert state["position"]["images"] == 4


def test_the_last_epoch_is_always_validated(train: Train, tmp_path: Path) -> None:
    train("--n_epochs 5 --n_epochs_decay 0 --val_freq 2")
    assert [each["epoch"] for each in validations(tmp_path)] == [2, 4, 5]
    assert list(validations(tmp_path)[0]["metrics"]) == ["l1"]


def test_a_resumed_run_goes_on_with_what_was_measured(train: Train, tmp_path: Path, installed_plugin: Install) -> None:
    installed_plugin(SCRIPTED.format(values=[0.3, 0.8, 0.5, 0.6, 0.1]))
    words = "--val_freq 1 --metric scripted --early_stop 3 --n_epochs_decay 0"
    train(f"{words} --n_epochs 2")
    printed = train(f"{words} --n_epochs 9 --continue_train")
    assert "has not become better in 3 validations" in printed
    assert [each["metrics"]["scripted"] for each in validations(tmp_path)] == [0.3, 0.8, 0.5, 0.6, 0.1]
    state = torch.load(tmp_path / "checkpoints" / "run" / "best_state.pt", weights_only=True)
    assert state["position"]["images"] == 8


def test_a_run_is_the_same_with_and_without_validation(train: Train, tmp_path: Path) -> None:
    losses = []
    for words in ("", "--val_freq 1"):
        train(f"--n_epochs 2 --n_epochs_decay 0 --print_freq 1 --overwrite {words}")
        losses.append((tmp_path / "checkpoints" / "run" / "losses.jsonl").read_bytes())
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--val_freq 1 --metric ssin", "no metric is named 'ssin'"),
        ("--val_freq 1 --metric miou", "the metric 'miou' is for labels"),
        ("--val_freq 1 --best_metric ssim", "--best_metric ssim is none of the metrics: l1"),
        ("--val_freq 1 --dataroot alone", "the data has no phase val or test"),
        ("--val_freq 1 --model cycle_gan --dataroot sides", "needs a metric of sets"),
        ("--val_freq 1 --model cycle_gan --dataroot sides --metric l1", "but this data is not paired"),
    ],
)
def test_mistakes_are_sentences_before_the_first_step(words: str, message: str, train: Train, tmp_path: Path) -> None:
    write_pairs(tmp_path / "alone", "train", 2, (80, 40))
    for phase in ("train", "test"):
        write_sides(tmp_path / "sides", phase, (2, 2), (40, 40))
    printed = train(words, code=2)
    assert message in printed
    assert "Traceback" not in printed


def test_labels_are_measured_as_classes(train: Train, tmp_path: Path) -> None:
    from PIL import Image

    for phase in ("train", "val"):
        for side in "AB":
            (tmp_path / "labels" / phase / side).mkdir(parents=True)
            for number in range(2):
                Image.new("L", (40, 40), number).save(tmp_path / "labels" / phase / side / f"{phase}{number}.png")
    train("--dataroot labels --field B=labels:2 --n_epochs 1 --n_epochs_decay 0 --val_freq 1")
    (found,) = validations(tmp_path)
    assert 0 <= found["metrics"]["miou"] <= 1


def test_measuring_changes_no_random_generator() -> None:
    class Half(PairMetric):
        def values(self, fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
            return (fake - real).abs().mean((1, 2, 3)) / 2

    from pixlate.metrics import MetricContext

    reseed(0, "x")
    before = torch.random.get_rng_state()
    metric = Half(MetricContext(Field()))
    metric.add(torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4))
    assert metric.result().value == 0.25
    assert torch.equal(before, torch.random.get_rng_state())


def test_too_few_images_for_a_metric_are_said_before_the_training(train: Train, installed_plugin: Install) -> None:
    installed_plugin(MANY, entry="many")
    printed = train("--model pix2pix --dataroot pairs --val_freq 1 --metric many", code=2)
    assert "the metric 'many' needs 9 held-out images or more, and there are 5" in printed
