"""`--n_images` and `--minutes`: where a run ends, its learning rate, and that a resumed run ends there as well."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainings import CYCLE_GAN, IMAGES, KILL_AT, PIX2PIX, differences, make_images, state_of, train

from pixlate import get_plugins
from pixlate.models.lr_policies import Schedule
from pixlate.options.command.resolve import resolve
from pixlate.plugins.run import Progress
from pixlate.runs.budget import last_epoch, length_options

#: Time that passes with the steps alone, so that the length does not depend on the machine.
STEP_TIME = """
import types
from pixlate.runs import budget, clock
from pixlate.runs.training import Trainer
now, steps = [0.0], [0]
budget.time = clock.time = types.SimpleNamespace(monotonic=lambda: now[0])
timed_step = Trainer.end_step
def passing(self, *step):
    steps[0] += 1
    now[0] += {seconds} if steps[0] < {slow_after} else 2 * {seconds}
    return timed_step(self, *step)
Trainer.end_step = passing
"""
ONE_SECOND = STEP_TIME.format(seconds=1, slow_after=10**9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("budget")
    make_images(root / "images")
    return root


def options(run: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((run / "run" / "options.json").read_text())["options"]
    return stored


def rate_of(run: Path) -> float:
    """The learning rate of the generator's last step."""
    group = state_of(run / "run")["model"]["optimizers"]["G"]["param_groups"][0]
    return float(group["lr"] / group["initial_lr"])


@pytest.mark.parametrize(
    "case",
    [
        pytest.param((*PIX2PIX, "--accumulate", "3"), id="accumulated"),
        pytest.param(PIX2PIX, id="pix2pix", marks=pytest.mark.slow),
        pytest.param(CYCLE_GAN, id="cycle_gan", marks=pytest.mark.slow),
    ],
)
def test_a_run_of_a_number_of_images_ends_there_and_resumes_exactly(folder: Path, case: tuple[str, ...]) -> None:
    name = "-".join(case[:2] + case[-2:])
    whole, killed = folder / f"{name} whole", folder / f"{name} killed"
    length = ("--n_images", str(2 * IMAGES + 4))
    train(whole, *case, *length)
    position = state_of(whole / "run")["position"]
    assert 2 * IMAGES + 4 <= position["images"] <= 2 * IMAGES + 9
    assert position["epoch"] == 4
    assert (options(whole)["n_epochs"], options(whole)["n_epochs_decay"]) == (2, 1)  # the proportion of 2 and 1
    assert rate_of(whole) < 0.3
    train(killed, *case, *length, before=KILL_AT.format(images=6), expect=-9)
    train(killed, "--continue_train", before=KILL_AT.format(images=18), expect=-9)
    train(killed, "--continue_train")
    assert differences(whole / "run", killed / "run") == []


def test_a_finished_run_says_so_and_goes_on_with_more_images(folder: Path) -> None:
    run = folder / "more"
    train(run, *PIX2PIX, "--n_images", "12")
    finished = train(run, "--continue_train", expect=1)
    assert "its 12 images are trained" in finished.output
    more = train(run, "--continue_train", "--n_images", "14")
    assert "n_images: 12 -> 14" in more.output
    assert state_of(run / "run")["position"]["images"] == 15  # after 9 and 4 of the first two epochs, a batch of 2
    train(run, "--continue_train", "--n_epochs", "3", "--n_epochs_decay", "1")  # numbers of epochs count again
    assert options(run)["n_images"] == 0
    assert state_of(run / "run")["position"]["epoch"] == 5


def test_a_run_ends_in_time_at_a_rate_of_zero(folder: Path) -> None:
    run = folder / "minutes"
    out = train(run, *PIX2PIX, "--minutes", "1", before=ONE_SECOND).output
    images = options(run)["n_images"]
    position = state_of(run / "run")["position"]
    assert 54 <= position["step"] <= 64  # seconds; an epoch ends with a smaller batch
    assert images <= position["images"] < images + 2
    assert f"the run ends after {images} images" in out
    assert "longer than --minutes" not in out
    assert rate_of(run) < 0.1  # of the last step, which is two images before the end
    epochs = -(-images // IMAGES)
    assert options(run)["n_epochs"] == epochs - round(epochs / 3)


def test_a_run_that_was_fitted_to_a_time_can_be_repeated(folder: Path) -> None:
    fitted, repeated = folder / "fitted", folder / "repeated"
    train(fitted, *PIX2PIX, "--minutes", "1", before=ONE_SECOND)
    train(repeated, *PIX2PIX, "--n_images", str(options(fitted)["n_images"]))
    assert differences(fitted / "run", repeated / "run") == []


def test_a_killed_run_measures_once(folder: Path) -> None:
    whole, killed = folder / "timed whole", folder / "timed killed"
    train(whole, *PIX2PIX, "--minutes", "1", before=ONE_SECOND)
    train(killed, *PIX2PIX, "--minutes", "1", before=ONE_SECOND + KILL_AT.format(images=40), expect=-9)
    fixed = options(killed)["n_images"]
    assert fixed == options(whole)["n_images"]
    # Ten times as slow: a run that measured again would end sooner.
    train(killed, "--continue_train", "--minutes", "1", before=STEP_TIME.format(seconds=10, slow_after=10**9))
    assert options(killed)["n_images"] == fixed
    assert differences(whole / "run", killed / "run") == []


def test_a_run_that_is_killed_before_its_length_is_fixed_measures_again(folder: Path) -> None:
    run = folder / "early"
    train(run, *PIX2PIX, "--minutes", "1", before=ONE_SECOND + KILL_AT.format(images=6), expect=-9)
    assert options(run)["n_images"] == 0
    train(run, "--continue_train", before=ONE_SECOND)
    assert options(run)["n_images"] > 0
    assert rate_of(run) < 0.1  # of the last step, which is two images before the end


def test_a_machine_that_slows_down_makes_the_run_late_and_it_says_so(folder: Path) -> None:
    out = train(folder / "late", *PIX2PIX, "--minutes", "1", before=STEP_TIME.format(seconds=1, slow_after=30)).output
    assert re.search(r"0\.[3-6] minutes longer than --minutes 1", out)


def test_validations_are_part_of_the_time(folder: Path) -> None:
    slow = """
from pixlate.runs.validation import Validation
measure = Validation.measure
def measured(self, model):
    now[0] += 4
    return measure(self, model)
Validation.measure = measured
"""
    run = folder / "validated"
    words = ("--minutes", "2", "--val_freq", "1", "--batch_size", "1")
    train(run, *PIX2PIX, *words, before=ONE_SECOND + slow)
    steps = state_of(run / "run")["position"]["step"]
    validations = len((run / "run" / "validation.jsonl").read_text().splitlines())
    assert 112 <= steps + 4 * validations <= 126


@pytest.mark.parametrize("words", [("--minutes", "1"), ("--n_images", "5")])
def test_weights_of_an_unknown_number_of_images_are_refused(folder: Path, words: tuple[str, ...]) -> None:
    refused = train(folder / "count", *PIX2PIX, *words, "--epoch_count", "2", expect=2)
    assert "--epoch_count 2 is for weights whose number of images is not known" in refused.output


@given(images=st.integers(1, 10**6), epoch_size=st.integers(1, 10**5), share=st.floats(0, 1))
def test_epochs_follow_from_images_and_stay_when_they_are_read_back(images: int, epoch_size: int, share: float) -> None:
    resolved = resolve("train", ["--model", "pix2pix", "--decay_share", str(share)], get_plugins())
    found = length_options(resolved, images, epoch_size)
    assert found["n_epochs"] + found["n_epochs_decay"] == last_epoch(Progress(), images, epoch_size)
    assert min(found["n_epochs"], found["n_epochs_decay"]) >= 0
    assert length_options(resolved.with_values(found), images, epoch_size) == found


@pytest.mark.parametrize("name", ["linear", "cosine", "warmup"])
@given(share=st.floats(0.01, 1), images=st.integers(10, 10**6))
def test_the_rate_falls_to_zero_with_the_last_image(name: str, share: float, images: int) -> None:
    schedule = Schedule(3, 2, lr_warmup=0, images=images, decay_share=share)
    policy = get_plugins().registry("lr_policy").get(name).load()(schedule)
    rates = [policy.factor(Progress(images=images * part // 100, step=1)) for part in range(111)]
    assert rates[0] == 1
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert rates == sorted(rates, reverse=True)
    assert min(rates) >= 0  # beyond the last image too, as in a group of accumulated batches
    if name == "linear":
        assert rates[int(100 * (1 - share)) - 1 if share < 0.99 else 0] == 1


def test_the_share_is_that_of_the_epochs_that_are_given_and_is_kept(folder: Path) -> None:
    run = folder / "share"
    train(run, *PIX2PIX, "--n_images", "8", "--n_epochs", "3", "--n_epochs_decay", "1")
    assert options(run)["decay_share"] == 0.25
    assert (options(run)["n_epochs"], options(run)["n_epochs_decay"]) == (1, 0)
    train(run, "--continue_train", "--n_images", "36")
    assert options(run)["decay_share"] == 0.25
    assert (options(run)["n_epochs"], options(run)["n_epochs_decay"]) == (3, 1)
    again = train(run, "--continue_train", "--minutes", "9", expect=1)
    assert "--minutes 9 has no effect: the length of the run is fixed at 36 images" in again.output


def test_a_first_step_that_compiles_does_not_end_the_run(folder: Path) -> None:
    slow = STEP_TIME.format(seconds="(30 if steps[0] == 1 else 0.5)", slow_after=10**9)
    run = folder / "compiled"
    train(run, *PIX2PIX, "--minutes", "1", before=slow)
    assert 30 + 0.5 * (state_of(run / "run")["position"]["step"] - 1) == pytest.approx(60, abs=6)
