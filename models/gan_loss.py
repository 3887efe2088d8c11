"""What the discriminator is asked, and the gradient penalty.

Each loss says what D wants of its judgements of real and of fake pictures, and what G wants of D's judgements
of its fakes. A judgement is a tensor of any shape, before any sigmoid, or a list of them (several
discriminators), whose losses are averaged. All losses are means, computed in fp32 or better.

LSGAN: Mao et al. 2017. Vanilla: Goodfellow et al. 2014, with G maximising log D. Hinge: Lim and Ye 2017.
WGAN-GP: Gulrajani et al. 2017.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

#: D's judgement of a batch: one tensor, or one for each of several discriminators.
Judgement = Tensor | Sequence[Tensor]


class GANLoss(ABC):
    """A GAN loss; a subclass says what is wanted of one tensor of judgements."""

    gradient_penalty: ClassVar[bool] = False

    def real(self, pred: Judgement) -> Tensor:
        """D's loss on real pictures, a scalar."""
        return _mean(self.want_real, pred)

    def fake(self, pred: Judgement) -> Tensor:
        """D's loss on fakes, a scalar."""
        return _mean(self.want_fake, pred)

    def generator(self, pred: Judgement) -> Tensor:
        """G's loss on fakes, a scalar; unless a subclass says otherwise, G wants them called real."""
        return _mean(self.want_fooled, pred)

    @abstractmethod
    def want_real(self, pred: Tensor) -> Tensor:
        """Small when `pred` says real."""

    @abstractmethod
    def want_fake(self, pred: Tensor) -> Tensor:
        """Small when `pred` says fake."""

    def want_fooled(self, pred: Tensor) -> Tensor:
        """Small when `pred` says real of a fake."""
        return self.want_real(pred)


class LSGAN(GANLoss):
    """Squared distance to 1 for real, 0 for fake."""

    def want_real(self, pred: Tensor) -> Tensor:
        return F.mse_loss(pred, torch.ones_like(pred))

    def want_fake(self, pred: Tensor) -> Tensor:
        return F.mse_loss(pred, torch.zeros_like(pred))


class Vanilla(GANLoss):
    """Binary cross-entropy: -log D(real), -log(1 - D(fake)); for G, -log D(fake)."""

    def want_real(self, pred: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(pred, torch.ones_like(pred))

    def want_fake(self, pred: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(pred, torch.zeros_like(pred))


class Hinge(GANLoss):
    """max(0, 1 - D(real)), max(0, 1 + D(fake)); for G, -D(fake)."""

    def want_real(self, pred: Tensor) -> Tensor:
        return F.relu(1 - pred).mean()

    def want_fake(self, pred: Tensor) -> Tensor:
        return F.relu(1 + pred).mean()

    def want_fooled(self, pred: Tensor) -> Tensor:
        return -pred.mean()


class WGANGP(GANLoss):
    """-D(real), D(fake); for G, -D(fake). D is kept near 1-Lipschitz by the gradient penalty."""

    gradient_penalty = True

    def want_real(self, pred: Tensor) -> Tensor:
        return -pred.mean()

    def want_fake(self, pred: Tensor) -> Tensor:
        return pred.mean()


def gradient_penalty(
    D: Callable[[Tensor], Judgement],
    real: Tensor,
    fake: Tensor,
    *,
    lambda_gp: float,
    rng: torch.Generator | None = None,
) -> Tensor:
    """lambda_gp · mean over the batch of (‖∂D(x)/∂x‖₂ - 1)², a scalar whose gradient reaches D's weights.

    x lies between a real and a fake picture (N×C×H×W, equally many of both), at a place drawn uniformly for
    each pair from `rng` (of the pictures' device; None: torch's global one). D must be a plain, uncompiled
    network.
    """
    place = torch.rand(len(real), 1, 1, 1, device=real.device, generator=rng).to(real.dtype)
    x = torch.lerp(fake.detach(), real.detach(), place).requires_grad_()
    preds = _each(D(x))
    (gradient,) = torch.autograd.grad(preds, x, [torch.ones_like(pred) for pred in preds], create_graph=True)
    # The square root of zero has no derivative: the small number keeps a flat D from giving NaN.
    slopes: Tensor = torch.linalg.vector_norm(gradient.flatten(1) + 1e-16, dim=1)
    return lambda_gp * (slopes - 1).square().mean()


def _each(pred: Judgement) -> list[Tensor]:
    return [pred] if isinstance(pred, Tensor) else list(pred)


def _mean(loss: Callable[[Tensor], Tensor], pred: Judgement) -> Tensor:
    losses = [loss(each.to(torch.promote_types(each.dtype, torch.float32))) for each in _each(pred)]
    return torch.stack(losses).mean() if len(losses) > 1 else losses[0]
