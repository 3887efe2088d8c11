"""`--optimizer` and its settings, and the optimizers that a model builds for itself."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

import pixlate
from pixlate.models.base import BaseModel
from pixlate.models.builder import ModelBuilder

TINY: dict[str, Any] = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2, "norm": "instance"}
CLASSES = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}


def pix2pix(**options: Any) -> BaseModel[Any]:
    return pixlate.create_model("pix2pix", **{**TINY, **options})


def batch(seed: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    return {side: torch.rand(1, 3, 32, 32, generator=generator) * 2 - 1 for side in "AB"}


@pytest.mark.parametrize("name", CLASSES)
def test_an_update_is_that_of_torch_with_the_settings_of_the_options(name: str) -> None:
    settings = {"lr": 0.01, "beta1": 0.3, "beta2": 0.8, "weight_decay": 0.1}
    model = pix2pix(optimizer=name, **settings)
    optimizer = model.optimizers["G"]
    assert type(optimizer) is CLASSES[name]
    weight = nn.Parameter(torch.linspace(-1, 1, 5))
    own = {"adam": {"betas": (0.3, 0.8)}, "adamw": {"betas": (0.3, 0.8)}, "sgd": {"momentum": 0.3}}
    expected = CLASSES[name]([weight], lr=0.01, weight_decay=0.1, **own.get(name, {"alpha": 0.8}))  # type: ignore[arg-type]
    ours = nn.Parameter(weight.detach().clone())
    tested = (
        pixlate.get_plugins()
        .registry("optimizer")
        .get(name)
        .load()([{"params": [ours]}], lr=0.01, betas=(0.3, 0.8), weight_decay=0.1)
    )
    for _ in range(3):
        for values, steps in ((weight, expected), (ours, tested)):
            values.grad = values.detach() ** 2 + 0.5
            steps.step()
    torch.testing.assert_close(ours, weight)
    names = optimizer.param_groups[0].keys() & {"lr", "betas", "weight_decay", "momentum", "alpha"}
    assert {key: optimizer.param_groups[0][key] for key in names} == {
        key: expected.param_groups[0][key] for key in names
    }


@pytest.mark.parametrize("name", CLASSES)
def test_every_optimizer_continues_exactly(name: str) -> None:
    first, second = pix2pix(optimizer=name), pix2pix(optimizer=name, seed=5)
    for step in range(3):
        first.training_step(batch(step))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for step in range(3, 5):
        for model in (first, second):
            torch.manual_seed(step)
            model.training_step(batch(step))
    for net in ("G", "D"):
        for a, b in zip(first.networks[net].parameters(), second.networks[net].parameters(), strict=True):
            assert torch.equal(a, b)


def test_generators_and_discriminators_may_have_rates_of_their_own() -> None:
    def rates(**options: Any) -> list[float]:
        return [pix2pix(**options).optimizers[name].param_groups[0]["lr"] for name in ("G", "D")]

    assert rates(lr=0.1) == [0.1, 0.1]
    assert rates(lr=0.1, lr_G=0.2) == [0.2, 0.1]
    assert rates(lr=0.1, lr_D=0.4) == [0.1, 0.4]
    assert rates(lr=0.1, lr_G=0.0, lr_D=0.4) == [0.0, 0.4]
    model = pix2pix(lr_D=0.4, lr_policy="step", lr_decay_iters=1)
    model.start_epoch(2)
    assert model.optimizers["D"].param_groups[0]["lr"] == pytest.approx(0.04)


def test_a_resumed_run_takes_the_settings_of_its_own_options() -> None:
    first = pix2pix(optimizer="adamw", beta2=0.9, weight_decay=0.1)
    first.training_step(batch())
    second = pix2pix(optimizer="adamw", beta2=0.99, weight_decay=0.2, lr_G=0.5)
    second.load_state_dict(first.state_dict())
    second.start_epoch(1)
    (group,) = second.optimizers["G"].param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.5, (0.5, 0.99), 0.2)


class TestAddOptimizer:
    """What a model can ask for, with the builder of a model that exists."""

    def test_settings_given_there_have_precedence(self) -> None:
        model = pix2pix(lr_G=0.3)
        optimizer = model.add_optimizer("G2", model.nets["G"], lr=0.5, betas=(0.0, 0.9), weight_decay=0.01)
        (group,) = optimizer.param_groups
        assert (group["lr"], group["betas"], group["weight_decay"]) == (0.5, (0.0, 0.9), 0.01)

    def test_the_rate_of_other_names_is_the_general_one(self) -> None:
        model = pix2pix(lr=0.1, lr_G=0.3, lr_D=0.4)
        assert model.add_optimizer("E", model.nets["G"]).param_groups[0]["lr"] == 0.1

    def test_groups_have_rates_of_their_own(self) -> None:
        model = pix2pix(lr=0.1)
        first, *others = model.networks["G"].parameters()
        groups = [{"params": [first], "lr": 0.01}, {"params": iter(others)}]
        optimizer = model.add_optimizer("G", model.nets["D"], *groups)
        assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01, 0.1]
        assert [len(group["params"]) for group in optimizer.param_groups[1:]] == [1, len(others)]
        model.start_epoch(1)
        assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01, 0.1]
        model.learning_rate.policy.factor = lambda progress: 0.5  # type: ignore[method-assign]
        model.start_epoch(2)
        assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.005, 0.05]

    def test_any_optimizer_can_be_built(self) -> None:
        def build(params: Any, *, lr: float, **others: Any) -> torch.optim.Optimizer:
            return torch.optim.Adagrad(params, lr=lr)

        model: ModelBuilder[Any] = pix2pix()
        assert isinstance(model.add_optimizer("G", model.nets["G"], build=build), torch.optim.Adagrad)
