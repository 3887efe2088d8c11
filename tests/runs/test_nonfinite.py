"""`--nonfinite`: what a run does after updates whose gradients are not finite."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import pixlate
from pixlate.errors import DataError
from pixlate.plugins.run import Progress
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
