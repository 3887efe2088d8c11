"""Several updates of one optimizer in a step, updates every n-th step, and what is called after an update."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

import pixlate
from pixlate.models.base import BaseModel
from pixlate.models.batch import StepResult
from pixlate.models.pix2pix import Pix2Pix
from pixlate.models.updater import Group, Updater

CPU = torch.device("cpu")
TINY: dict[str, Any] = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2, "norm": "instance"}


def batch(seed: int = 0, n: int = 1) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    return {side: torch.rand(n, 3, 32, 32, generator=generator) * 2 - 1 for side in "AB"}


def weights(model: BaseModel[Any], net: str) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.networks[net].parameters()])


def stepped(losses: list[list[float]], *, scaled: bool = False, size: int = 1) -> tuple[float, list[float]]:
    """A weight after updates with these gradients, a list for each batch; and the weight seen at each update."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    updater = Updater(CPU, scaled=scaled, clip_grad=0.0)
    seen = []
    for number, gradients in enumerate(losses):
        updater.group = Group(size, last=(number + 1) % size == 0)
        for gradient in gradients:
            seen.append(weight.item())
            updater.update([optimizer], gradient * weight.sum())
        updater.step_ended()
    return weight.item(), seen


@pytest.mark.parametrize("scaled", [False, True])
def test_an_optimizer_may_be_updated_several_times_in_a_step(scaled: bool) -> None:
    final, seen = stepped([[1.0, 2.0, 4.0], [8.0]], scaled=scaled)
    assert seen == [0, -1, -3, -7]
    assert final == -15


@pytest.mark.parametrize("scaled", [False, True])
def test_accumulated_gradients_of_several_updates_are_kept_apart(scaled: bool) -> None:
    """The first update applies the mean of the batches' first losses, the second that of the second ones."""
    final, seen = stepped([[1.0, 10.0, 100.0], [3.0, 30.0, 300.0], [5.0, 50.0], [7.0, 70.0]], scaled=scaled, size=2)
    assert seen == [0, 0, 0, 0, -2, -22, -222, -222, -222, -228]
    assert final == -288


def test_a_scaled_update_with_non_finite_gradients_is_skipped_alone() -> None:
    final, seen = stepped([[1.0, float("nan"), 4.0]], scaled=True)
    assert seen == [0, -1, -1]
    assert final == -5


class Twice(Pix2Pix):
    """G is updated twice in a step, with a loss for each half of the image."""

    watched_losses = ()

    def step(self, batch: Any) -> StepResult:
        losses = {}
        for name, half in (("upper", slice(None, 16)), ("lower", slice(16, None))):
            losses[name] = l1_loss(self.G(batch["A"])[:, :, half], batch["B"][:, :, half])
            self.update("G", losses[name])
        return StepResult(losses, {})


def twice(**options: Any) -> BaseModel[Any]:
    model = pixlate.create_model("pix2pix", **{**TINY, "precision": "fp32", **options})
    model.__class__ = Twice
    model.learning_rate._watched_losses = ()
    return model


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_model_that_updates_twice_trains_in_every_precision(precision: str) -> None:
    model = twice(precision=precision)
    steps = [weights(model, "G")]
    for number in range(3):
        result = model.training_step(batch(number))
        assert all(torch.isfinite(loss) for loss in result.losses.values())
        steps.append(weights(model, "G"))
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(steps))
    assert model.updater.take_skipped() == 0


def test_several_updates_accumulate_as_one_batch_would() -> None:
    """With the same batch twice, the means are those of one: only the staleness of the second loss is left."""
    one, accumulated = twice(optimizer="sgd", beta1=0.0), twice(optimizer="sgd", beta1=0.0)
    one.training_step(batch())
    for last in (False, True):
        accumulated.training_step(batch(), group=Group(2, last))
    change = (weights(one, "G") - weights(accumulated, "G")).norm() / weights(one, "G").norm()
    assert 0 < change < 1e-3


@pytest.mark.parametrize("name", ["pix2pix", "cycle_gan"])
def test_generators_are_updated_every_nth_step(name: str) -> None:
    model = pixlate.create_model(name, **TINY, n_D_steps=3, ema=True, ema_decay=0.5)
    G, D = ("G", "D") if name == "pix2pix" else ("G_A", "D_A")
    updated = []
    model.prepare_once(batch())
    for number in range(7):
        before = weights(model, G), weights(model, D)
        average = torch.cat([weight.flatten() for weight in model.averages[G].parameters()])
        result = model.training_step(batch(number))
        assert set(result.losses) >= ({"G_GAN", "G_L1"} if name == "pix2pix" else {"G_A", "cycle_A"})
        assert not torch.equal(before[1], weights(model, D))
        updated.append(not torch.equal(before[0], weights(model, G)))
        averaged = torch.cat([weight.flatten() for weight in model.averages[G].parameters()])
        assert (not torch.equal(average, averaged)) is updated[-1]
    assert updated == [False, False, True, False, False, True, False]


def test_steps_are_counted_in_groups_and_continue_after_a_resume() -> None:
    first = pixlate.create_model("pix2pix", **TINY, n_D_steps=2)
    second = pixlate.create_model("pix2pix", **TINY, n_D_steps=2)
    before = weights(first, "G")
    for last in (False, False, True):  # one step, in which G is not due
        first.training_step(batch(), group=Group(3, last))
    assert torch.equal(weights(first, "G"), before)
    assert first.state_dict()["steps"] == 1
    second.load_state_dict(first.state_dict())
    for number, last in enumerate((False, False, True)):
        second.training_step(batch(number), group=Group(3, last))
        assert torch.equal(weights(second, "G"), before) is not last


def test_after_update_is_called_for_each_applied_update() -> None:
    model = pixlate.create_model("pix2pix", **TINY, n_D_steps=2)
    calls: list[str] = []
    model.after_update = calls.append  # type: ignore[method-assign]
    for number in range(4):
        model.training_step(batch(number), group=Group(2, last=number % 2 == 1))
        calls.append("|")
    assert calls == ["|", "D", "|", "|", "D", "G", "|"]


@pytest.mark.parametrize("name", ["pix2pix", "cycle_gan"])
def test_extra_generator_losses_are_trained_and_logged(name: str) -> None:
    plain, extended = (pixlate.create_model(name, **TINY, optimizer="sgd", beta1=0.0, lr=1.0) for _ in range(2))
    seen: dict[str, Any] = {}

    def darkness(batch: Any, images: Any) -> dict[str, Tensor]:
        seen.update(images)
        return {"dark": 100 * images["fake_B"].mean(), "bright": -99.5 * images["fake_B"].mean()}

    extended.extra_generator_losses = darkness  # type: ignore[method-assign]
    assert plain.extra_generator_losses({}, {}) == {}
    results = [model.training_step(batch()) for model in (plain, extended)]
    assert set(results[1].losses) - set(results[0].losses) == {"dark", "bright"}
    assert {"real_A", "fake_B", "real_B"} <= seen.keys()
    G = "G" if name == "pix2pix" else "G_A"
    assert not torch.equal(weights(plain, G), weights(extended, G))
    expected = 0.5 * results[1].images["fake_B"].mean()
    torch.testing.assert_close(results[1].losses["dark"] + results[1].losses["bright"], expected, atol=1e-5, rtol=0)
