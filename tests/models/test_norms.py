"""Norms, dropout and padding: in training, in inference, in either memory layout, in threads."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixlate.models.networks import (
    BatchNorm,
    Dropout,
    InferenceMode,
    InstanceNorm,
    NoNorm,
    ReflectionPad,
    SyncBatchNorm,
    conv_bias,
    mode,
    resnet_6blocks,
    unet_128,
)

LAYOUTS = (torch.contiguous_format, torch.channels_last)
IMAGE, RUNNING = InferenceMode("image"), InferenceMode("running")


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise_images(batch: int, channels: int = 3, side: int = 6, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(batch, channels, side, side, generator=generator(1), dtype=dtype) * 2 + 0.5


def normalised(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    variance, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5)


def trained(norm: type[BatchNorm] | type[SyncBatchNorm]) -> nn.Module:
    """A batch norm with scale, shift and statistics of its own."""
    norm_layer = norm(3).double()
    for offset, values in enumerate(
        (norm_layer.weight, norm_layer.bias, norm_layer.running_mean, norm_layer.running_var)
    ):
        values.data = torch.rand(3, generator=generator(offset), dtype=torch.float64) + 0.5
    return norm_layer


def gradient(function: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    function(x).backward(upstream)
    assert x.grad is not None
    return x.grad


# --- in training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "layout"), list(itertools.product((1, 2, 3), LAYOUTS)))
def test_instance_norm_is_per_image_and_channel(batch: int, layout: torch.memory_format) -> None:
    x = noise_images(batch).contiguous(memory_format=layout)
    for norm in (InstanceNorm(3).train(), InstanceNorm(3).eval()):
        torch.testing.assert_close(norm(x), normalised(x, (2, 3)), atol=1e-12, rtol=0)
        torch.testing.assert_close(norm(x), nn.InstanceNorm2d(3)(x), atol=1e-12, rtol=0)
    torch.testing.assert_close(InstanceNorm(3)(x[0]), normalised(x[:1], (2, 3))[0], atol=1e-12, rtol=0)
    assert not InstanceNorm(3).state_dict()


@pytest.mark.parametrize("norm", [InstanceNorm(3), BatchNorm(3), SyncBatchNorm(3)], ids=str)
@pytest.mark.parametrize(
    ("batch", "layout", "upstream_layout", "dtype"),
    list(itertools.product((1, 2), LAYOUTS, LAYOUTS, (torch.float64, torch.float32, torch.bfloat16))),
    ids=str,
)
def test_gradient_in_every_layout(
    norm: nn.Module,
    batch: int,
    layout: torch.memory_format,
    upstream_layout: torch.memory_format,
    dtype: torch.dtype,
) -> None:
    """Whatever the layouts of input and incoming gradient, the gradient is that of the formula in float64."""
    dims = (2, 3) if isinstance(norm, InstanceNorm) else (0, 2, 3)
    x = noise_images(batch, side=16, dtype=dtype)
    upstream = torch.randn(x.shape, generator=generator(2), dtype=torch.float64).to(dtype)
    expected = gradient(lambda x: normalised(x, dims), x.double(), upstream.double())
    actual = gradient(
        norm.to(torch.promote_types(dtype, torch.float32)).train(),
        x.contiguous(memory_format=layout),
        upstream.contiguous(memory_format=upstream_layout),
    )
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 3e-2}[dtype]
    torch.testing.assert_close(actual.double(), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(("batch", "layout"), list(itertools.product((1, 2), LAYOUTS)))
def test_instance_norm_has_gradients_of_gradients(batch: int, layout: torch.memory_format) -> None:
    x = noise_images(batch, channels=2, side=3).contiguous(memory_format=layout).requires_grad_()
    assert torch.autograd.gradgradcheck(InstanceNorm(2), x)


def test_batch_norms_train_as_torch_does() -> None:
    x = noise_images(2)
    for norm in (trained(BatchNorm), trained(SyncBatchNorm)):
        plain = nn.BatchNorm2d(3).double()
        plain.load_state_dict(norm.state_dict())
        assert torch.equal(norm(x), plain(x))
        assert torch.equal(norm.running_var, plain.running_var)
        assert torch.equal(norm.eval()(x), plain.eval()(x))


def test_which_convolutions_have_a_bias() -> None:
    assert [conv_bias(norm) for norm in (BatchNorm, InstanceNorm, SyncBatchNorm, NoNorm)] == [
        False,
        True,
        False,
        False,
    ]
    assert conv_bias(nn.BatchNorm2d)  # a norm without the attribute: at worst the bias is superfluous


def test_which_norms_are_per_sample() -> None:
    for norm in (BatchNorm, InstanceNorm, SyncBatchNorm, NoNorm):
        x = noise_images(2)
        together, alone = norm(3).double()(x)[:1], norm(3).double()(x[:1])
        assert torch.allclose(together, alone) == norm.per_sample


def test_networks_compile_whole() -> None:
    """The graph is traced as one, and the compiled network gives the same output."""
    net = resnet_6blocks(3, 3, 1, InstanceNorm, True).eval()
    x = noise_images(1, side=8, dtype=torch.float32)
    compiled = torch.compile(net, backend="eager", fullgraph=True, dynamic=False)
    torch.testing.assert_close(compiled(x), net(x), atol=1e-5, rtol=1e-5)


# --- in inference ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [BatchNorm, SyncBatchNorm])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_image_statistics(norm: type[BatchNorm], layout: torch.memory_format) -> None:
    norm_layer, x = trained(norm), noise_images(3).contiguous(memory_format=layout)
    with mode.set_inference_mode(IMAGE):
        together = norm_layer.train()(x)
        alone = torch.cat([norm_layer.eval()(image) for image in x.split(1)])
    assert torch.equal(together, alone)
    plain = F.batch_norm(x[:1], None, None, norm_layer.weight, norm_layer.bias, training=True)
    torch.testing.assert_close(together[:1], plain, atol=1e-12, rtol=0)


@pytest.mark.parametrize("norm", [BatchNorm, SyncBatchNorm])
def test_running_statistics(norm: type[BatchNorm]) -> None:
    norm_layer, x = trained(norm), noise_images(2)
    with mode.set_inference_mode(RUNNING):
        actual = norm_layer.train()(x)
    assert torch.equal(actual, norm_layer.eval()(x))


def test_dropout_is_off_without_noise() -> None:
    with mode.set_inference_mode(IMAGE):
        assert torch.equal(Dropout(0.5).train()(noise_images(2)), noise_images(2))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_each_image_has_its_own_noise(layout: torch.memory_format) -> None:
    dropout, x = Dropout(0.25), torch.ones(2, 8, 32, 32).contiguous(memory_format=layout)
    with mode.set_inference_mode(InferenceMode(noise=[generator(7), generator(8)])):
        first, second = dropout.eval()(x)
        later, _ = dropout(x)
    with mode.set_inference_mode(InferenceMode(noise=[generator(8)])):
        alone = dropout.train()(x[1:].contiguous())[0]
    assert torch.equal(second, alone)
    assert not torch.equal(first, second)
    assert not torch.equal(first, later)
    assert first.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (first == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_each_image_of_a_batch_needs_a_generator() -> None:
    with mode.set_inference_mode(InferenceMode(noise=[generator(0)])), pytest.raises(ValueError, match="shorter"):
        Dropout()(noise_images(2))


@pytest.mark.parametrize("statistics", ["image", "running"])
def test_inference_changes_nothing(statistics: Any) -> None:
    net = unet_128(3, 3, 2, BatchNorm, True).train()
    weights = {key: value.clone() for key, value in net.state_dict().items()}
    rng_state = torch.get_rng_state()
    with torch.no_grad(), mode.set_inference_mode(InferenceMode(statistics, [generator(3)])):
        net(noise_images(1, side=128, dtype=torch.float32))
    assert all(torch.equal(value, weights[key]) for key, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), rng_state)
    assert all(part.training for part in net.modules())


def test_images_do_not_depend_on_their_batch() -> None:
    net = unet_128(3, 3, 2, BatchNorm, True).double()
    x = noise_images(2, side=128)
    with torch.no_grad():
        with mode.set_inference_mode(InferenceMode("image", [generator(1), generator(2)])):
            together = net(x)
        with mode.set_inference_mode(InferenceMode("image", [generator(2)])):
            alone = net(x[1:])
    torch.testing.assert_close(together[1:], alone, atol=1e-12, rtol=0)


def test_modes_nest_and_end() -> None:
    assert mode.current_mode() is None
    with contextlib.suppress(KeyError), mode.set_inference_mode(IMAGE):
        raise KeyError
    assert mode.current_mode() is None
    with mode.set_inference_mode(IMAGE):
        with mode.set_inference_mode(RUNNING):
            assert mode.current_mode() is RUNNING
        assert mode.current_mode() is IMAGE
    assert mode.current_mode() is None


def test_two_threads_at_once() -> None:
    """One thread translates by running statistics, one by the image's own, and the main one trains."""
    norm_layer, x = trained(BatchNorm), noise_images(2)
    fresh = trained(BatchNorm)
    for _ in range(20):
        fresh(x)
    with mode.set_inference_mode(IMAGE):
        expected = norm_layer(x)
    barrier, actual = threading.Barrier(3), {}

    def translate(which: InferenceMode) -> None:
        with mode.set_inference_mode(which):
            barrier.wait()
            actual[which.statistics] = [norm_layer(x) for _ in range(20)]

    threads = [threading.Thread(target=translate, args=[which]) for which in (IMAGE, RUNNING)]
    for thread in threads:
        thread.start()
    barrier.wait()
    for _ in range(20):
        norm_layer(x)
    for thread in threads:
        thread.join()
    assert all(torch.equal(each, expected) for each in actual["image"])
    assert not torch.equal(actual["running"][0], expected)
    assert torch.equal(norm_layer.running_mean, fresh.running_mean)


# --- padding -----------------------------------------------------------------------------------------------


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("width", [1, 3])
def test_deterministic_padding_is_the_same_padding(width: int) -> None:
    x = noise_images(2, side=5)
    upstream = torch.randn(2, 3, 5 + 2 * width, 5 + 2 * width, generator=generator(4), dtype=torch.float64)

    def plain(x: Tensor) -> Tensor:
        return F.pad(x, (width,) * 4, mode="reflect")

    assert torch.equal(ReflectionPad(width)(x), plain(x))
    actual, expected = gradient(ReflectionPad(width), x, upstream), gradient(plain, x, upstream)
    torch.testing.assert_close(actual, expected, atol=1e-12, rtol=0)
