"""What a model builds with `add_network`, and how foreign layers behave while it translates."""

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import pixlate
from pixlate.models.base import BaseModel
from pixlate.models.execution.evaluation import evaluation_view
from pixlate.models.networks import set_inference_mode
from pixlate.models.networks.mode import InferenceMode

TINY: dict[str, Any] = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2, "norm": "instance"}


def pix2pix(**options: Any) -> BaseModel[Any]:
    return pixlate.create_model("pix2pix", **{**TINY, **options})


def batch(n: int = 1) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    images = {side: torch.rand(n, 3, 32, 32, generator=generator) * 2 - 1 for side in "AB"}
    return {**images, "A_paths": [f"{i}.png" for i in range(n)]}


def constant() -> nn.Module:
    layer = nn.Conv2d(3, 3, 1)
    nn.init.constant_(layer.weight, 0.25)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class TestAddNetwork:
    def test_weights_are_initialised_unless_they_are_to_be_kept(self) -> None:
        model = pix2pix(init_gain=0.5)
        assert not torch.all(model.add_network("drawn", constant).module.weight == 0.25)  # type: ignore[arg-type]
        kept = model.add_network("kept", constant, init=False)
        assert torch.all(kept.module.weight == 0.25)  # type: ignore[arg-type]
        assert kept.module.training
        assert {"drawn", "kept"} <= model.networks.keys()

    def test_random_weights_that_are_kept_depend_on_seed_and_name_alone(self) -> None:
        def weight(name: str, seed: int) -> Tensor:
            net = pix2pix(seed=seed).add_network(name, lambda: nn.Conv2d(3, 3, 1), init=False)
            return net.module.weight  # type: ignore[return-value]

        torch.manual_seed(7)
        first = weight("E", 1)
        torch.manual_seed(8)
        assert torch.equal(weight("E", 1), first)
        assert not torch.equal(weight("E", 2), first)
        assert not torch.equal(weight("F", 1), first)

    def test_a_network_that_is_not_trained_is_frozen_and_not_saved(self) -> None:
        model = pix2pix(ema=True)
        before = copy.deepcopy(model.state_dict())
        helper = model.add_network("vgg", lambda: nn.Sequential(constant(), nn.Dropout()), init=False, trained=False)
        assert not helper.module.training
        assert not any(weight.requires_grad for weight in helper.module.parameters())
        assert model.state_dict().keys() == before.keys()
        assert "vgg" not in model.networks
        assert "vgg" not in repr(model)
        x = torch.rand(1, 3, 8, 8, requires_grad=True)
        helper(x).sum().backward()
        assert x.grad is not None

    def test_a_model_in_float64_uses_a_frozen_network_in_its_own_precision(self) -> None:
        helper = pix2pix().add_network("vgg", constant, init=False, trained=False)
        x = torch.full((1, 3, 4, 4), 0.5, dtype=torch.float64)
        y = helper(x)
        assert y.dtype == torch.float64
        torch.testing.assert_close(y, torch.full_like(y, 0.375))

    def test_a_training_with_a_perceptual_term_resumes_and_saves_no_helper(self) -> None:
        def with_helper() -> BaseModel[Any]:
            model = pix2pix()
            helper = model.add_network("features", lambda: nn.Conv2d(3, 4, 3), trained=False)
            model.extra_generator_losses = lambda batch, images: {  # type: ignore[method-assign]
                "G_features": (helper(images["fake_B"]) - helper(images["real_B"])).abs().mean()
            }
            return model

        first, second = with_helper(), with_helper()
        losses = [first.training_step(batch()).losses["G_features"] for _ in range(6)]
        assert losses[-1] < losses[0]
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        torch.manual_seed(1)
        expected = first.training_step(batch()).losses["G_features"]
        torch.manual_seed(1)
        assert torch.equal(second.training_step(batch()).losses["G_features"], expected)


Wrap = Callable[[nn.Module], nn.Module]


class Foreign(nn.Module):
    """A third party's generator, with layers of torch that behave differently in training."""

    def __init__(self, wrap: Wrap = lambda layer: layer) -> None:
        super().__init__()
        self.model = nn.Sequential(wrap(nn.Conv2d(3, 4, 3, padding=1)), nn.BatchNorm2d(4), nn.Dropout(), nn.Tanh())
        self.out = wrap(nn.Conv2d(4, 3, 1))
        self.shared = self.model[0]

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.out(self.model(x)))


WRAPS: dict[str, Wrap] = {
    "plain": lambda layer: layer,
    "spectral": parametrizations.spectral_norm,
    "old spectral": nn.utils.spectral_norm,
    "weight norm": parametrizations.weight_norm,
}


def with_generator(wrap: str, **options: Any) -> BaseModel[Any]:
    model = pix2pix(**options)
    model.G = model.add_network("G", lambda: Foreign(WRAPS[wrap]), init=False)  # type: ignore[attr-defined]
    model.average(model.nets["G"])
    if model.train:
        model.add_optimizer("G", model.nets["G"])
    return model


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("ema", [False, True])
def test_a_translation_changes_nothing_of_foreign_layers(wrap: str, ema: bool) -> None:
    model = with_generator(wrap, ema=ema)
    for _ in range(2):
        model.training_step(batch())
    module = model.averages["G"] if ema else model.networks["G"]
    before = copy.deepcopy(module.state_dict())
    fake = model.translate(batch())["fake_B"]
    assert torch.equal(model.translate(batch())["fake_B"], fake)
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key])
    reference = Foreign(WRAPS[wrap])
    reference.load_state_dict(module.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(reference.eval()(batch()["A"]), fake)
    assert all(part.training for part in model.networks["G"].modules())


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_model_for_inference_translates_as_the_trained_one(wrap: str) -> None:
    trained = with_generator(wrap)
    trained.training_step(batch())
    inference = with_generator(wrap, train=False, precision="fp32")
    inference.networks["G"].load_state_dict(trained.networks["G"].state_dict())
    assert torch.equal(inference.translate(batch())["fake_B"], trained.translate(batch())["fake_B"])


def test_the_view_shares_tensors_and_modules_used_twice() -> None:
    module = Foreign()
    view = evaluation_view(module)
    assert view.shared is view.model[0]
    assert view.shared is not module.shared
    assert not any(part.training for part in view.modules())
    assert [id(tensor) for tensor in view.parameters()] == [id(tensor) for tensor in module.parameters()]
    assert view.model[1].running_mean is module.model[1].running_mean


def test_a_training_in_another_thread_notices_nothing() -> None:
    model = with_generator("plain")
    model.training_step(batch())
    modes: set[bool] = set()
    inside, done = threading.Event(), threading.Event()

    def hold(module: nn.Module, inputs: Any) -> None:
        modes.add(module.training)
        inside.set()
        done.wait(10)

    handle = model.networks["G"].model[2].register_forward_pre_hook(hold)  # type: ignore[index]
    thread = threading.Thread(target=lambda: model.translate(batch()))
    thread.start()
    assert inside.wait(10)
    try:
        assert all(part.training for part in model.networks["G"].modules())
    finally:
        done.set()
        thread.join()
        handle.remove()
    assert modes == {False}


class TestNoise:
    def test_in_training_it_is_drawn_from_the_step_s_generator(self) -> None:
        model = pix2pix()
        torch.manual_seed(3)
        expected = torch.randn(2, 8)
        torch.manual_seed(3)
        assert torch.equal(model.noise(batch(2), 8), expected)

    def test_in_a_translation_it_depends_on_seed_and_name_of_each_sample(self) -> None:
        def drawn(n: int, seed: int = 0, *, running: bool = False) -> list[Tensor]:
            model = pix2pix(seed=seed)
            draws: list[Tensor] = []
            model.translation = lambda data: draws.extend(model.noise(data, 2, 4) for _ in range(2)) or {}  # type: ignore[method-assign]
            state = torch.get_rng_state()
            model.translate(batch(n), running_statistics=running)
            assert torch.equal(torch.get_rng_state(), state)
            return draws

        first, second = drawn(2)
        assert first.shape == (2, 2, 4)
        assert not torch.equal(first, second)
        assert not torch.equal(first[0], first[1])
        assert all(torch.equal(a, b) for a, b in zip(drawn(2), (first, second), strict=True))
        assert torch.equal(drawn(1)[0], first[:1])
        assert torch.equal(drawn(1)[1], second[:1])
        assert torch.equal(drawn(1, running=True)[0], first[:1])
        assert not torch.equal(drawn(1, seed=1)[0], first[:1])

    def test_it_has_the_precision_of_the_images(self) -> None:
        data = {"A": torch.zeros(1, 3, 4, 4, dtype=torch.float64)}
        model = pix2pix()
        assert model.noise(data, 3).dtype == torch.float64
        with set_inference_mode(InferenceMode(noise=[torch.Generator().manual_seed(0)])):
            assert model.noise(data, 3).dtype == torch.float64
