"""The network with its pre- and post-processing inside: from pixels of 8 bits to pixels of 8 bits."""

from fractions import Fraction
from typing import cast

import torch
from torch import Tensor, nn

from pixlate.util.sizes import SideRule


class ProcessedNetwork(nn.Module):
    """N×H×W×C uint8 of any size to N×H×W×C uint8 of that size, times `scale`, by a network of N×C×H×W in [-1, 1].

    - network: takes the image, and further inputs of the padded size.
    - rule: the sides that it accepts: images are padded to them by reflection, and results are cropped.
    """

    def __init__(self, network: nn.Module, rule: SideRule, scale: int | Fraction = 1) -> None:
        super().__init__()
        self.network, self.rule, self.scale = network, rule, scale

    def forward(self, pixels: Tensor) -> Tensor:
        x = pixels.permute(0, 3, 1, 2).float() / 255 * 2 - 1
        height, width = x.shape[2:]
        y = self.network(self._padded(self._padded(x, 2), 3))
        y = y[..., : self._scaled(height), : self._scaled(width)]
        # Truncated, as the reference does when it writes an image.
        levels: Tensor = ((y + 1) / 2 * 255).clamp(0, 255).to(torch.uint8)
        return levels.permute(0, 2, 3, 1)

    def _padded(self, x: Tensor, dim: int) -> Tensor:
        """Reflected at its end, repeatedly for a small image, to a side that the network accepts."""
        side = torch.scalar_tensor(x.shape[dim], dtype=torch.int64)
        # As a number of its own, not as an expression of the side: otherwise the graph would hold for some sizes only.
        count = ((side + self.rule.multiple - 1) // self.rule.multiple).clamp(min=self._fewest).item()
        torch._check(count >= self._fewest)
        # Pixel i of the reflected side is that of a triangular wave; a single pixel is repeated.
        phase = torch.arange(count * self.rule.multiple) % (2 * side - 2).clamp(min=1)
        return x.index_select(dim, torch.minimum(phase, (2 * side - 2) - phase).clamp(min=0))

    @property
    def _fewest(self) -> int:
        """The smallest side, in multiples."""
        return self.rule.at_least(1) // self.rule.multiple

    def _scaled(self, side: int) -> int:
        """`round(side * scale)` for sides that are symbols too: of two equally near numbers the even one."""
        above, below = 2 * side * self.scale.numerator, self.scale.denominator
        if below == 1:
            return above // 2
        nearest, rest = (above + below) // (2 * below), (above + below) % (2 * below)
        is_halfway = 1 - cast(int, torch.sym_min(1, rest))
        return nearest - is_halfway * (nearest % 2)
