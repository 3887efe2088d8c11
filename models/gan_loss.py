"""Adversarial losses, and the gradient penalty.

Each loss has three terms: D's on real images, D's on fake images, and G's on fake images. Logits are D's output before
any sigmoid: a tensor of any shape, or a list of tensors (several discriminators) whose losses are averaged. All losses
are means, computed in fp32 or fp64.

LSGAN: Mao et al. 2017. Vanilla: Goodfellow et al. 2014, with their non-saturating loss of G (section 3).
Hinge: Lim and Ye 2017. WGAN-GP: Gulrajani et al. 2017.
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
    """An adversarial loss; a subclass defines its three terms for one tensor of logits.

    - gradient_penalty: whether D's objective includes the gradient penalty, weighted by `--lambda_gp`.
    """

    gradient_penalty: ClassVar[bool] = False

    def real(self, logits: Logits) -> Tensor:
        """D's loss on real images: a scalar."""
        return _mean(self.real_loss, logits)

    def fake(self, logits: Logits) -> Tensor:
        """D's loss on fake images: a scalar."""
        return _mean(self.fake_loss, logits)

    def generator(self, logits: Logits) -> Tensor:
        """G's loss on fake images: a scalar."""
        return _mean(self.generator_loss, logits)

    @abstractmethod
    def real_loss(self, logits: Tensor) -> Tensor:
        """D's loss for the logits of real images, a scalar mean: small if D classifies them as real."""

    @abstractmethod
    def fake_loss(self, logits: Tensor) -> Tensor:
        """D's loss for the logits of fake images, a scalar mean: small if D classifies them as fake."""

    def generator_loss(self, logits: Tensor) -> Tensor:
        """G's loss for the logits of fake images, a scalar mean: by default `real_loss`."""
        return self.real_loss(logits)


class LSGAN(GANLoss):
    """Squared distance of the logits to 1 for real and 0 for fake; for G, to 1."""

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
    """The penalty λ E[(‖∇D(x̂)‖₂ - 1)²] of WGAN-GP (Gulrajani et al., Eq. 3): a scalar that trains D's weights.

    x̂ = ε real + (1 - ε) fake, with ε uniform in [0, 1] for each pair of N×C×H×W images, drawn from `rng` (on the
    images' device; None: torch's global generator). D must be uncompiled: torch.compile has no double backward.
    """
    epsilon = torch.rand(len(real), 1, 1, 1, device=real.device, generator=rng).to(real.dtype)
    x = torch.lerp(fake.detach(), real.detach(), epsilon).requires_grad_()
    logits = _as_list(D(x))
    (gradient,) = torch.autograd.grad(logits, x, [torch.ones_like(part) for part in logits], create_graph=True)
    # The norm has no derivative at zero, where a constant D would give NaN.
    norms: Tensor = torch.linalg.vector_norm(gradient.flatten(1) + 1e-16, dim=1)
    return lambda_gp * (norms - 1).square().mean()


def _as_list(logits: Logits) -> list[Tensor]:
    return [logits] if isinstance(logits, Tensor) else list(logits)


def _mean(loss: Callable[[Tensor], Tensor], logits: Logits) -> Tensor:
    # 16-bit logits, of autocast, are converted to fp32; fp64 stays.
    losses = [loss(part.to(torch.promote_types(part.dtype, torch.float32))) for part in _as_list(logits)]
    return torch.stack(losses).mean() if len(losses) > 1 else losses[0]
