"""Convolutions with other kernels: outputs, gradients and second derivatives are those of torch."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import pixlate
from pixlate.models.networks import convolutions, mode
from pixlate.models.networks.convolutions import FEW_POSITIONS, InnerConv2d, InnerConvTranspose2d, NarrowConv2d
from pixlate.models.networks.layers import ReflectionPad

SHAPE = {"stride": 2, "padding": 1}
Make = Callable[[bool], nn.Module]
#: Each layer of pixlate beside the one of torch; built with or without a bias.
LAYERS: dict[str, tuple[Make, Make]] = {
    "inner": (lambda b: InnerConv2d(3, 5, 4, bias=b, **SHAPE), lambda b: nn.Conv2d(3, 5, 4, bias=b, **SHAPE)),
    "inner, transposed": (
        lambda b: InnerConvTranspose2d(3, 5, 4, bias=b, **SHAPE),
        lambda b: nn.ConvTranspose2d(3, 5, 4, bias=b, **SHAPE),
    ),
    "narrow": (lambda b: NarrowConv2d(3, 2, 7, padding=3, bias=b), lambda b: nn.Conv2d(3, 2, 7, padding=3, bias=b)),
    "narrow, even": (lambda b: NarrowConv2d(3, 1, 4, bias=b), lambda b: nn.Conv2d(3, 1, 4, bias=b)),
}


def twins(name: str, bias: bool, dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    layer, reference = (make(bias).to(dtype) for make in LAYERS[name])
    reference.load_state_dict(layer.state_dict())
    return layer, reference


def outputs_and_gradients(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Output, gradients of input and weights, and gradients of the norm of the input's gradient."""
    x = x.clone().requires_grad_()
    weights = list(layer.parameters())
    y = layer(x)
    first = torch.autograd.grad(y.square().sum(), [x, *weights], create_graph=True)
    second = torch.autograd.grad(first[0].square().sum(), [x, *weights], allow_unused=True)
    return [y, *first, *(part for part in second if part is not None)]


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 3), halves=st.tuples(st.integers(2, 7), st.integers(2, 7)), bias=st.booleans())
def test_outputs_and_gradients_are_those_of_torch(name: str, n: int, halves: tuple[int, int], bias: bool) -> None:
    layer, reference = twins(name, bias, torch.float64)
    x = torch.randn(n, 3, 2 * halves[0], 2 * halves[1], dtype=torch.float64)
    for actual, expected in zip(outputs_and_gradients(layer, x), outputs_and_gradients(reference, x), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


def test_in_inference_each_image_is_computed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of more rows may round differently, and an image must not depend on its batch."""
    conv, x, sizes = InnerConv2d(3, 5, 4, **SHAPE), torch.rand(3, 3, 4, 4), []
    monkeypatch.setattr(conv, "product", lambda part: sizes.append(len(part)) or InnerConv2d.product(conv, part))
    conv(x)
    assert sizes == [3]
    with torch.no_grad(), mode.set_inference_mode(mode.InferenceMode()):
        conv(x)
    assert sizes == [3, 1, 1, 1]


@pytest.mark.parametrize("name", LAYERS)
def test_odd_sides_are_computed_too(name: str) -> None:
    layer, reference = twins(name, True, torch.float64)
    x = torch.randn(1, 3, 9, 11, dtype=torch.float64)
    torch.testing.assert_close(layer(x), reference(x))


@pytest.mark.parametrize("name", LAYERS)
def test_bf16_is_rounded_no_more_than_by_torch(name: str) -> None:
    layer, reference = twins(name, True, torch.float32)
    x = torch.randn(1, 3, 8, 8)
    exact = reference(x)
    with torch.autocast("cpu", torch.bfloat16):
        actual, expected = layer(x), reference(x)
    assert actual.dtype == torch.bfloat16
    assert (actual - exact).abs().mean() < 2 * (expected - exact).abs().mean()
    actual.sum().backward()
    assert {weight.grad.dtype for weight in layer.parameters()} == {torch.float32}


@pytest.mark.parametrize(("transposed", "side"), [(False, 16), (True, 8)])
def test_a_matrix_product_is_used_for_few_positions_only(
    monkeypatch: pytest.MonkeyPatch, transposed: bool, side: int
) -> None:
    layer = twins("inner, transposed" if transposed else "inner", False, torch.float32)[0]
    products = []
    monkeypatch.setattr(convolutions, "_product", lambda conv, x: products.append(tuple(x.shape)) or conv.product(x))
    assert FEW_POSITIONS == 64
    layer(torch.zeros(1, 3, side, side))
    layer(torch.zeros(2, 3, side, side))
    with mode.set_inference_mode(mode.InferenceMode()):
        layer(torch.zeros(2, 3, side, side))
    assert products == [(1, 3, side, side), (2, 3, side, side)]  # the second in inference mode, image by image


def test_a_translated_image_is_bit_for_bit_the_same_alone_and_in_a_batch() -> None:
    model = pixlate.create_model("pix2pix", netG="unet_128", ngf=16, ndf=4, train=False)
    A = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    together = model.translate({"A": A, "A_paths": ["a", "b", "c"]})["fake_B"]
    alone = [model.translate({"A": A[i : i + 1], "A_paths": [name]})["fake_B"] for i, name in enumerate("abc")]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("p", [1, 3])
@given(n=st.integers(1, 2), sides=st.tuples(st.integers(4, 9), st.integers(4, 9)))
@settings(max_examples=20, deadline=None)
def test_padding_is_that_of_torch(p: int, n: int, sides: tuple[int, int]) -> None:
    x = torch.randn(n, 2, *sides, dtype=torch.float64, requires_grad=True)
    padded, expected = ReflectionPad(p)(x), F.pad(x, (p, p, p, p), mode="reflect")
    assert torch.equal(padded, expected)
    weights = torch.randn_like(expected)
    actual, expected_gradient = (torch.autograd.grad((y * weights).sum(), x)[0] for y in (padded, expected))
    torch.testing.assert_close(actual, expected_gradient)
    assert torch.autograd.gradgradcheck(ReflectionPad(p), (x[:, :1].detach().requires_grad_(),))


def test_padding_keeps_16_bit_images() -> None:
    x = torch.randn(1, 2, 8, 8, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert ReflectionPad(1)(x).dtype == torch.bfloat16
        with torch.no_grad():
            assert ReflectionPad(1)(x).dtype == torch.bfloat16
