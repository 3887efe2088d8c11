"""`--nonfinite`: what a run does after updates whose gradients are not finite."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import pixlate
from pixlate.errors import DataError
from pixlate.plugins.run import Progress
from pixlate.runs import nonfinite
from pixlate.runs.checkpoints.store import CheckpointStore
from pixlate.runs.logs import RunLogs
from pixlate.runs.nonfinite import NonFiniteGuard


def batch(value: float, name: str = "good") -> dict[str, Any]:
    image = value * torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return {"A": image, "B": image, "A_paths": [f"{name}_A.png"], "B_paths": [f"{name}_B.png"]}


def weight(model: Any) -> torch.Tensor:
    return next(model.networks["G"].parameters()).detach().clone()


def guarded(folder: Path, reaction: str) -> tuple[Any, NonFiniteGuard, CheckpointStore]:
    model = pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=1, ndf=1, norm="instance")
    return model, NonFiniteGuard(model, reaction), CheckpointStore(folder, model, facts={"data": {}, "machine": {}})


@pytest.mark.parametrize("reaction", ["skip", "stop", "rollback"])
def test_the_reaction_to_updates_that_are_not_finite(
    reaction: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, guard, checkpoints = guarded(tmp_path, reaction)
    saved = weight(model)
    checkpoints.save(Progress(images=5), RunLogs(tmp_path))
    for images in (batch(0.5, "first"), batch(math.nan, "second"), batch(0.1, "third")):
        model.training_step(images)
        guard.step_ended(images)
    trained = weight(model)
    assert not torch.equal(saved, trained)
    sentence = "2 updates before image 7 had non-finite gradients and were skipped ('second_A.png', 'second_B.png')"
    if reaction == "stop":
        with pytest.raises(DataError) as raised:
            guard.check(Progress(images=7), checkpoints)
        assert str(raised.value) == f"{sentence}: try a smaller --lr, --clip_grad 1 or --precision fp32."
    else:
        guard.check(Progress(images=7), checkpoints)
        assert f"{sentence}." in caplog.messages
    assert torch.equal(weight(model), saved if reaction == "rollback" else trained)
    assert ("Rolled back to the state of image 5." in caplog.messages) == (reaction == "rollback")
    checkpoints.close()

    caplog.clear()
    for images in (batch(0.2, "fourth"), batch(math.nan, "fifth")):
        guard.check(Progress(images=8), checkpoints)  # nothing new so far
        model.training_step(images)
        guard.step_ended(images)
    assert caplog.messages == []
    if reaction == "skip":
        guard.check(Progress(images=9), checkpoints)
        assert "before image 9" in caplog.messages[0]
        assert caplog.messages[0].endswith("('fifth_A.png', 'fifth_B.png').")


def test_without_a_checkpoint_nothing_is_rolled_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, guard, checkpoints = guarded(tmp_path, "rollback")
    model.training_step(batch(math.nan))
    guard.step_ended(batch(math.nan))
    before = weight(model)
    guard.check(Progress(images=1), checkpoints)
    assert caplog.messages[-1] == "There is no checkpoint to roll back to yet."
    assert torch.equal(weight(model), before)
    checkpoints.close()


def test_at_most_four_files_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, guard, checkpoints = guarded(tmp_path, "skip")
    for name in ("first", "second", "third"):
        images = batch(math.nan, name)
        model.training_step(images)
        guard.step_ended(images)
    guard.check(Progress(images=3), checkpoints)
    assert caplog.messages[0].endswith("'second_A.png', 'second_B.png' and more).")
    checkpoints.close()


def test_what_a_resumed_state_counts_belongs_to_earlier_batches(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, _, checkpoints = guarded(tmp_path, "skip")
    model.training_step(batch(math.nan))
    guard = NonFiniteGuard(model, "skip")  # as after a restore of this state
    for images in (batch(0.5, "good"), batch(math.nan, "bad")):
        model.training_step(images)
        guard.step_ended(images)
    guard.check(Progress(images=3), checkpoints)
    assert "good" not in caplog.messages[0]
    assert "bad_A.png" in caplog.messages[0]
    checkpoints.close()


def step(position: Progress) -> Progress:
    return Progress(images=position.images + 1, step=position.step + 1)


def steps(model: Any, guard: NonFiniteGuard, values: list[float]) -> Progress:
    position = Progress()
    for value in values:
        images = batch(value)
        model.training_step(images)
        position = step(position)
        guard.step_ended(images)
    return position


def test_a_run_without_one_finite_update_is_no_success(tmp_path: Path) -> None:
    model, guard, _ = guarded(tmp_path, "skip")
    position = steps(model, guard, [math.nan] * 3)
    with pytest.raises(DataError, match=r"all updates \(3\) were non-finite, so that the run has learnt nothing"):
        guard.finish(position, {})


@pytest.mark.parametrize("values", [[0.5, math.nan], [math.nan, 0.5]])
def test_a_run_with_one_finite_update_is(tmp_path: Path, values: list[float], caplog: Any) -> None:
    model, guard, _ = guarded(tmp_path, "skip")
    guard.finish(steps(model, guard, values), {"G": torch.tensor(1.0)})
    assert "were skipped" in caplog.text  # the last steps are reported too


@pytest.mark.parametrize("reaction", ["skip", "rollback"])
def test_a_run_that_learns_nothing_for_long_is_stopped(
    tmp_path: Path, reaction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonfinite, "HOPELESS", 4)
    model, guard, checkpoints = guarded(tmp_path, reaction)
    position = Progress()
    for step_number in range(1, 5):
        images = batch(math.nan)
        model.training_step(images)
        position = step(position)
        guard.step_ended(images)
        if step_number == 2:
            guard.check(position, checkpoints)
    with pytest.raises(DataError, match="none of the last 4 updates"):
        guard.check(position, checkpoints)


def test_the_memory_of_batches_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(nonfinite, "MAX_STEPS", 2)
    model, guard, checkpoints = guarded(tmp_path, "skip")
    for value, name in ((math.nan, "old"), (0.5, "good"), (math.nan, "new")):
        images = batch(value, name)
        model.training_step(images)
        guard.step_ended(images)
    guard.check(Progress(images=3), checkpoints)
    assert "4 updates before image 3" in caplog.text
    assert "('new_A.png', 'new_B.png')" in caplog.text


def test_a_training_that_ends_in_nan_is_no_success(tmp_path: Path) -> None:
    model, guard, _ = guarded(tmp_path, "skip")
    position = steps(model, guard, [0.5, 0.5])
    with pytest.raises(DataError, match=r"losses that are not finite \(D\)"):
        guard.finish(position, {"G": torch.tensor(1.0), "D": torch.tensor(math.nan)})
