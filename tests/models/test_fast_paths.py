"""Every fast path against the plain one: one step's losses, outputs and gradients, in every norm, batches 1 and 2.

A step's rounding may switch a ReLU, so gradients are compared as whole vectors, and exactly in float64.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import pixlate
from pixlate.models.execution import plan
from pixlate.models.execution.net import Net, in_full_precision
from pixlate.models.execution.plan import Execution, choose_execution, keep_freed_memory
from pixlate.models.networks import convolutions, resnet
from pixlate.models.updater import Updater
from pixlate.options.shared import ModelOptions

NORMS = ("batch", "instance", "none")
MODELS = ("pix2pix", "cycle_gan")
CPU = torch.device("cpu")


def batch(n: int, dtype: torch.dtype, side: int = 32) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    A, B = (torch.rand(n, 3, side, side, generator=generator, dtype=dtype) * 2 - 1 for _ in "AB")
    return {"A": A, "B": B, "A_paths": ["a"] * n, "B_paths": ["b"] * n}


def model_of(name: str, norm: str, dtype: torch.dtype, **options: Any) -> Any:
    tiny = {"netG": "resnet_6blocks", "ngf": 4, "ndf": 4, "norm": norm, "dropout": False, "pool_size": 0}
    model = pixlate.create_model(name, **{**tiny, **options})
    for net in model.networks.values():
        net.to(dtype)
    return model


def step_of(
    model: Any, inputs: dict[str, Any], *, retain_graph: bool = True
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Losses, outputs and each optimizer's gradient as one vector; compiled graphs cannot be retained."""
    gradients: dict[str, Tensor] = {}

    def record(name: str, loss: Tensor) -> None:
        weights = [weight for group in model.optimizers[name].param_groups for weight in group["params"]]
        parts = torch.autograd.grad(loss, weights, retain_graph=retain_graph, allow_unused=True)
        gradients[name] = torch.cat([part.flatten().double() for part in parts if part is not None])

    model.update = record
    result = model.step(inputs)
    return result.losses, result.images, gradients


def channels_last(model: Any) -> None:
    for net in model.nets.values():
        net._execution = Execution(CPU, channels_last=True)
        net.module.to(memory_format=torch.channels_last)


def checkpointed(model: Any) -> None:
    for net in model.nets.values():
        net._execution = Execution(CPU, checkpointed=True)


def one_at_a_time(model: Any) -> None:
    for net in model.nets.values():
        net.per_sample = False


PATHS: dict[str, Callable[[Any], None]] = {
    "channels_last": channels_last,
    "checkpointed": checkpointed,
    "batched calls, undone": one_at_a_time,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MODELS)
def test_a_step_is_the_plain_step(name: str, norm: str, n: int, path: str) -> None:
    for dtype, tolerance in ((torch.float64, 1e-6), (torch.float32, 1e-3)):
        plain, fast = (model_of(name, norm, dtype) for _ in range(2))
        PATHS[path](fast)
        inputs = batch(n, dtype)
        for expected, actual in zip(step_of(plain, inputs), step_of(fast, inputs), strict=True):
            assert expected.keys() == actual.keys()
            for key, value in expected.items():
                assert (actual[key] - value).norm() <= tolerance * value.norm(), (key, dtype)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("name", "netG", "side"), [("pix2pix", "unet_128", 128), ("cycle_gan", "resnet_6blocks", 32)])
def test_a_step_is_that_of_torch_s_own_convolutions(
    monkeypatch: pytest.MonkeyPatch, name: str, netG: str, side: int, norm: str, n: int
) -> None:
    for dtype, tolerance in ((torch.float64, 1e-6), (torch.float32, 1e-3)):
        inputs = batch(n, dtype, side)
        actual = step_of(model_of(name, norm, dtype, netG=netG), inputs)
        with monkeypatch.context() as patch:
            patch.setattr(convolutions, "FEW_POSITIONS", 0)
            patch.setattr(convolutions, "FEW_CHANNELS", 0)
            patch.setattr(resnet, "ReflectionPad", torch.nn.ReflectionPad2d)
            expected = step_of(model_of(name, norm, dtype, netG=netG), inputs)
        for actual_values, expected_values in zip(actual, expected, strict=True):
            for key, value in expected_values.items():
                assert (actual_values[key] - value).norm() <= tolerance * value.norm(), (key, dtype)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_in_bf16_have_the_same_direction(name: str, last: bool, norm: str, n: int) -> None:
    """With 8 bits of mantissa, gradients agree in direction and norm, in either memory layout.

    The measured cosine is 0.93, equal in both layouts to three digits; a wrong backward pass gives about 0.
    """
    plain, fast = model_of(name, norm, torch.float32), model_of(name, norm, torch.float32, precision="bf16")
    if last:
        for net in fast.nets.values():
            net._execution = Execution(CPU, torch.bfloat16, channels_last=True)
            net.module.to(memory_format=torch.channels_last)
    inputs = batch(n, torch.float32)
    losses, images, gradients = step_of(plain, inputs)
    fast_losses, fast_images, fast_gradients = step_of(fast, inputs)
    for key, value in losses.items():
        torch.testing.assert_close(fast_losses[key], value, rtol=0.05, atol=0.02)
    for key, image in images.items():
        assert fast_images[key].dtype == torch.float32
        assert (fast_images[key] - image).abs().mean() < 0.02
    for key, gradient in gradients.items():
        assert torch.cosine_similarity(fast_gradients[key], gradient, dim=0) > 0.9
        assert 0.9 < fast_gradients[key].norm() / gradient.norm() < 1.1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch.compile inspects it
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("name", "netG", "side"), [("pix2pix", "unet_128", 128), ("cycle_gan", "resnet_6blocks", 32)])
def test_a_compiled_step_is_the_plain_one_and_continues_exactly(
    name: str, netG: str, side: int, precision: str
) -> None:
    def compiled_model(compiled: str) -> Any:
        return model_of(name, "instance", torch.float32, netG=netG, precision=precision, compile=compiled)

    inputs = batch(1, torch.float32, side)
    plain, compiled = compiled_model("off"), compiled_model("on")
    for key, value in step_of(plain, inputs, retain_graph=False)[2].items():
        actual = step_of(compiled, inputs, retain_graph=False)[2][key]
        assert torch.cosine_similarity(actual, value, dim=0) > (0.999 if precision == "fp32" else 0.9)
    first, second = compiled_model("on"), compiled_model("on")
    for _ in range(2):
        first.training_step(inputs)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    expected, actual = (model.training_step(inputs) for model in (first, second))
    for key, loss in expected.losses.items():
        assert torch.equal(actual.losses[key], loss), key


@pytest.mark.parametrize("last", [False, True])
def test_the_fused_update_is_adam(last: bool) -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(6, 5, 4, 4))
    if last:
        weight = torch.nn.Parameter(weight.detach().contiguous(memory_format=torch.channels_last))
    expected = torch.nn.Parameter(weight.detach().clone(memory_format=torch.contiguous_format).double())
    fused = torch.optim.Adam([weight], lr=0.1, betas=(0.5, 0.999), fused=True)
    plain = torch.optim.Adam([expected], lr=0.1, betas=(0.5, 0.999), fused=False, foreach=False)
    updater = Updater(CPU, scaled=False, clip_grad=0.0)
    for _ in range(4):
        target = torch.randn(6, 5, 4, 4)
        updater.update([fused], (weight - target).square().sum())
        (expected - target).square().sum().backward()
        plain.step()
        plain.zero_grad()
    torch.testing.assert_close(weight.double(), expected, rtol=1e-5, atol=1e-5)


def test_the_hardware_decides_layout_and_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    supported = {"_is_amx_tile_supported": False, "_is_avx512_bf16_supported": False}
    for name in supported:
        monkeypatch.setattr(torch.cpu, name, lambda name=name: supported[name], raising=False)
    auto = ModelOptions(precision="auto")
    assert choose_execution(auto, CPU, train=True) == Execution(CPU)
    supported["_is_avx512_bf16_supported"] = True
    assert choose_execution(auto, CPU, train=True) == Execution(CPU, torch.bfloat16)
    supported.update(_is_amx_tile_supported=True, _is_avx512_bf16_supported=False)
    assert choose_execution(auto, CPU, train=True) == Execution(CPU, torch.bfloat16)
    assert choose_execution(ModelOptions(precision="fp32"), CPU, train=True) == Execution(CPU)
    assert choose_execution(ModelOptions(compile="on"), CPU, train=True).compiled
    assert not choose_execution(ModelOptions(compile="on"), CPU, train=False).compiled


def test_allocator_settings_of_the_environment_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan.ctypes, "CDLL", lambda _: pytest.fail("the allocator was touched"))
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert not keep_freed_memory()


def test_inputs_share_a_call_only_with_per_sample_norms() -> None:
    calls = []
    for norm, expected in (("instance", [2]), ("batch", [1, 1])):
        net: Net = model_of("cycle_gan", norm, torch.float32).nets["G_A"]
        calls.clear()
        net.module.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
        net.each(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 32))
        assert calls == expected


def test_full_precision_within_a_block() -> None:
    fast, plain = (model_of("pix2pix", "instance", torch.float32, precision=p) for p in ("bf16", "fp32"))
    inputs = batch(1, torch.float32)
    expected = plain.translate(inputs)["fake_B"]
    assert not torch.equal(fast.translate(inputs)["fake_B"], expected)
    with in_full_precision(fast.nets.values()):
        assert torch.equal(fast.translate(inputs)["fake_B"], expected)
    assert not torch.equal(fast.translate(inputs)["fake_B"], expected)
