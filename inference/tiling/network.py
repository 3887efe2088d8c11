"""What tiles need to know of the model that translates them."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

from pixlate.util.sizes import SideRule


@dataclass(frozen=True)
class TileNetwork:
    """A model as tiles see it.

    - run: the output 1×C'×(scale · H)×(scale · W) for an input 1×C×H×W, both in [-1, 1]; the same for the same input,
      so without dropout.
    - sides: the sides that it accepts; scale: pixels of the output per pixel of the input.
    - channels: C; name: for messages.
    - opaque: it is not computed by calls of torch's functions, as an exported one, whose norms cannot be found.
    """

    run: Callable[[Tensor], Tensor]
    sides: SideRule
    channels: int
    scale: Fraction = Fraction(1)
    name: str = "this network"
    opaque: bool = False

    def scaled(self, pixels: int) -> int:
        """Pixels of the output."""
        return round(pixels * self.scale)
