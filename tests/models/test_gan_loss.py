"""GAN losses against their formulas, the gradient penalty against discriminators of known gradient."""

import math

import pytest
import torch
from torch import Tensor, nn

from pixlate.models.gan_loss import LSGAN, WGANGP, GANLoss, Hinge, Vanilla, gradient_penalty
from pixlate.models.networks import InstanceNorm, basic

PRED = torch.tensor([[-2.0, 0.5], [0.0, 3.0]], dtype=torch.float64)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def mean(*values: float) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize(
    ("loss", "real", "fake", "generator"),
    [
        (LSGAN(), mean(9, 0.25, 1, 4), mean(4, 0.25, 0, 9), mean(9, 0.25, 1, 4)),
        (
            Vanilla(),
            mean(softplus(2), softplus(-0.5), softplus(0), softplus(-3)),
            mean(softplus(-2), softplus(0.5), softplus(0), softplus(3)),
            mean(softplus(2), softplus(-0.5), softplus(0), softplus(-3)),
        ),
        (Hinge(), mean(3, 0.5, 1, 0), mean(0, 1.5, 1, 4), -0.375),
        (WGANGP(), -0.375, 0.375, -0.375),
    ],
    ids=["lsgan", "vanilla", "hinge", "wgangp"],
)
def test_formulas(loss: GANLoss, real: float, fake: float, generator: float) -> None:
    losses = [loss.real(PRED), loss.fake(PRED), loss.generator(PRED)]
    assert [value.shape for value in losses] == [()] * 3
    assert [value.item() for value in losses] == pytest.approx([real, fake, generator], abs=1e-12)


@pytest.mark.parametrize("loss", [LSGAN(), Vanilla(), Hinge(), WGANGP()])
def test_several_discriminators_are_averaged(loss: GANLoss) -> None:
    other = PRED[:1] + 1
    for term in (loss.real, loss.fake, loss.generator):
        assert term([PRED]) == term(PRED)
        assert term([PRED, other]).item() == pytest.approx((term(PRED) + term(other)).item() / 2)


@pytest.mark.parametrize("loss", [LSGAN(), Vanilla(), Hinge(), WGANGP()])
def test_losses_are_computed_in_fp32_or_better(loss: GANLoss) -> None:
    assert loss.real(PRED).dtype is torch.float64
    for dtype in (torch.bfloat16, torch.float16):
        pred = PRED.to(dtype)
        assert loss.fake(pred).dtype is torch.float32
        assert loss.fake(pred) == loss.fake(pred.float())


def test_which_losses_include_the_gradient_penalty() -> None:
    assert [loss.gradient_penalty for loss in (LSGAN, Vanilla, Hinge, WGANGP)] == [False, False, False, True]


class Weighted(nn.Module):
    """D(x) = Σ w·x: its gradient is w, everywhere."""

    def __init__(self, norm: float) -> None:
        super().__init__()
        weight = torch.ones(3, 4, 4, dtype=torch.float64)
        self.weight = nn.Parameter(weight * norm / weight.norm())

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum((1, 2, 3))


def two_batches(side: int = 4) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, 2, 3, side, side, generator=rng, dtype=torch.float64).unbind()
    return first, second


@pytest.mark.parametrize(("norm", "penalty"), [(3.0, 40.0), (1.0, 0.0), (0.0, 10.0)])
def test_penalty_is_the_squared_distance_of_the_slope_from_one(norm: float, penalty: float) -> None:
    D = Weighted(norm)
    value = gradient_penalty(D, *two_batches(), lambda_gp=10)
    assert value.item() == pytest.approx(penalty, abs=1e-9)
    value.backward()
    assert D.weight.grad is not None
    assert D.weight.grad.isfinite().all()
    steeper = -D.weight.grad.sum().item()
    assert steeper == pytest.approx(0, abs=1e-9) if norm == 1 else (steeper > 0) == (norm < 1)


def test_penalty_is_sampled_between_real_and_fake() -> None:
    """D(x) = Σ x²/2 has the gradient x, so that the penalty shows where the gradient was taken."""
    real, fake = torch.full((64, 1, 1, 1), 2.0), torch.full((64, 1, 1, 1), 4.0)
    penalty = gradient_penalty(lambda x: x.square().sum((1, 2, 3)) / 2, real, fake, lambda_gp=1.0)
    uniform = (3**3 - 1**3) / 3 / 2  # the mean of (x - 1)² over [2, 4]
    assert penalty.item() == pytest.approx(uniform, rel=0.3)
    assert 1 < penalty < 9


def test_penalty_reaches_weights_and_not_the_images() -> None:
    D = basic(3, 2, 3, InstanceNorm).double()
    real, fake = two_batches(side=32)
    fake = fake.requires_grad_()
    gradient_penalty(D, real, fake, lambda_gp=10).backward()
    assert fake.grad is None
    assert D.model[0].weight.grad.abs().sum() > 0


def test_penalty_of_several_discriminators_and_its_randomness() -> None:
    D = Weighted(1.5)
    both = gradient_penalty(lambda x: [D(x), D(x)], *two_batches(), lambda_gp=1.0)
    assert both.item() == pytest.approx(4)

    def quadratic(x: Tensor) -> Tensor:
        return x.square().sum((1, 2, 3))

    first, repeated = (
        gradient_penalty(quadratic, *two_batches(), lambda_gp=1.0, rng=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    other = gradient_penalty(quadratic, *two_batches(), lambda_gp=1.0, rng=torch.Generator().manual_seed(4))
    assert first == repeated
    assert first != other
