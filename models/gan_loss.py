"""Adversarial losses, and the gradient penalty.

Each loss has three terms: of D on real images, of D on fake images, and of G on fake images. Logits are a tensor of
any shape, D's output before any sigmoid, or a list of them (several discriminators), whose losses are averaged. All
losses are means, computed in fp32 or better.

LSGAN: Mao et al. 2017. Vanilla: Goodfellow et al. 2014, with G maximising log D. Hinge: Lim and Ye 2017.
WGAN-GP: Gulrajani et al. 2017.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

#: D's output for a batch, before any sigmoid: one tensor, or one for each of several discriminators.
Logits = Tensor | Sequence[Tensor]


class GANLoss(ABC):
    """An adversarial loss; a subclass gives its terms for one tensor of logits."""

    gradient_penalty: ClassVar[bool] = False

    def real(self, logits: Logits) -> Tensor:
        """D's loss on real images, a scalar."""
        return _mean(self.real_loss, logits)

    def fake(self, logits: Logits) -> Tensor:
        """D's loss on fakes, a scalar."""
        return _mean(self.fake_loss, logits)

    def generator(self, logits: Logits) -> Tensor:
        """G's loss on fakes, a scalar."""
        return _mean(self.generator_loss, logits)

    @abstractmethod
    def real_loss(self, logits: Tensor) -> Tensor:
        """D's loss on the logits of real images: small where they say real."""

    @abstractmethod
    def fake_loss(self, logits: Tensor) -> Tensor:
        """D's loss on the logits of fake images: small where they say fake."""

    def generator_loss(self, logits: Tensor) -> Tensor:
        """G's loss on D's logits of fake images: small where they say real; by default `real_loss`."""
        return self.real_loss(logits)


class LSGAN(GANLoss):
    """Squared distance to 1 for real, 0 for fake."""

    def real_loss(self, logits: Tensor) -> Tensor:
        return F.mse_loss(logits, torch.ones_like(logits))

    def fake_loss(self, logits: Tensor) -> Tensor:
        return F.mse_loss(logits, torch.zeros_like(logits))


class Vanilla(GANLoss):
    """Binary cross-entropy: -log D(real), -log(1 - D(fake)); for G, -log D(fake)."""

    def real_loss(self, logits: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))

    def fake_loss(self, logits: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))


class Hinge(GANLoss):
    """max(0, 1 - D(real)), max(0, 1 + D(fake)); for G, -D(fake)."""

    def real_loss(self, logits: Tensor) -> Tensor:
        return F.relu(1 - logits).mean()

    def fake_loss(self, logits: Tensor) -> Tensor:
        return F.relu(1 + logits).mean()

    def generator_loss(self, logits: Tensor) -> Tensor:
        return -logits.mean()


class WGANGP(GANLoss):
    """-D(real), D(fake); for G, -D(fake). D is kept near 1-Lipschitz by the gradient penalty."""

    gradient_penalty = True

    def real_loss(self, logits: Tensor) -> Tensor:
        return -logits.mean()

    def fake_loss(self, logits: Tensor) -> Tensor:
        return logits.mean()


def gradient_penalty(
    D: Callable[[Tensor], Logits],
    real: Tensor,
    fake: Tensor,
    *,
    lambda_gp: float,
    rng: torch.Generator | None = None,
) -> Tensor:
    """lambda_gp · mean over the batch of (‖∂D(x)/∂x‖₂ - 1)², a scalar whose gradient reaches D's weights.

    x lies between a real and a fake image (N×C×H×W, equally many of both), at a place drawn uniformly for
    each pair from `rng` (of the images' device; None: torch's global one). D must be a plain, uncompiled
    network.
    """
    place = torch.rand(len(real), 1, 1, 1, device=real.device, generator=rng).to(real.dtype)
    x = torch.lerp(fake.detach(), real.detach(), place).requires_grad_()
    outputs = _each(D(x))
    (gradient,) = torch.autograd.grad(outputs, x, [torch.ones_like(each) for each in outputs], create_graph=True)
    # The square root of zero has no derivative: the small number keeps a flat D from giving NaN.
    slopes: Tensor = torch.linalg.vector_norm(gradient.flatten(1) + 1e-16, dim=1)
    return lambda_gp * (slopes - 1).square().mean()


def _each(logits: Logits) -> list[Tensor]:
    return [logits] if isinstance(logits, Tensor) else list(logits)


def _mean(loss: Callable[[Tensor], Tensor], logits: Logits) -> Tensor:
    losses = [loss(each.to(torch.promote_types(each.dtype, torch.float32))) for each in _each(logits)]
    return torch.stack(losses).mean() if len(losses) > 1 else losses[0]
