"""Layers that do more than torch's: dropout with given noise, and padding that repeats bit for bit."""

import torch
from torch import Tensor, nn

from .mode import current_mode


class Dropout(nn.Dropout):
    """Dropout that, while translating, takes each picture's mask from its own generator, or is off."""

    def forward(self, x: Tensor) -> Tensor:
        mode = current_mode()
        if mode is None:
            return super().forward(x)
        if mode.noise is None:
            return x
        # torch.rand on the CPU gives the same numbers everywhere; bernoulli_ differs with the maths library.
        kept = [torch.rand(one.shape, generator=noise) >= self.p for one, noise in zip(x, mode.noise, strict=True)]
        return x * torch.stack(kept).to(x).div_(1 - self.p)


class ReflectionPad(nn.ReflectionPad2d):
    """Padding by mirror images of the borders, the same on all four sides.

    On CUDA the gradient of torch's own kernel sums in no fixed order, so under
    `torch.use_deterministic_algorithms` the padding is put together from slices.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not torch.are_deterministic_algorithms_enabled():
            return super().forward(x)
        for dim, width in ((-1, self.padding[0]), (-2, self.padding[2])):
            before = x.narrow(dim, 1, width).flip(dim)
            after = x.narrow(dim, x.shape[dim] - width - 1, width).flip(dim)
            x = torch.cat([before, x, after], dim)
        return x
