"""How far a network looks: the largest distance of an input pixel that an output pixel depends on.

It is measured by NaN, which every operation passes on: half of an image is NaN, and the other half of the output is NaN
as far as it depends on that, whatever the weights are. The norms are computed with given statistics meanwhile. That
finds an upper bound also for networks whose modules are not known, and finds those without any bound, which look at
the whole image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, lcm
from typing import Any

import torch
from torch import Tensor

from pixlate.errors import OptionError

from .network import TileNetwork
from .norm_calls import NormCall, NormMode
from .statistics import Statistics, is_of_whole_image, is_random, normalised

MOST = 2048  # pixels of a reach that tiles can have as their overlap


@dataclass(frozen=True)
class Reach:
    """How far a network looks, in pixels, and the multiple that positions must have for that to hold: its stride."""

    pixels: int
    stride: int


def reach_of(network: TileNetwork) -> Reach:
    """Measure how far a network looks. Raises OptionError, with the reason, for one that looks at the whole image."""
    return _along(network, 3, _along(network, 2, Reach(0, network.sides.multiple)))


def _along(network: TileNetwork, axis: int, least: Reach) -> Reach:
    """The reach along one axis, and at least `least`; the image grows until NaN ends within it."""
    sides, stride = network.sides, least.stride
    side = max(256, 4 * sides.at_least(1))
    while True:
        side = sides.at_least(side)
        middle = side // 2 // stride * stride
        (below, first), (above, second) = (_one_side(network, axis, side, middle, after) for after in (True, False))
        if names := first.random:
            raise OptionError(
                f"{network.name} draws random numbers by '{names[0]}', others for each tile: exact tiles are "
                "impossible."
            )
        if stride % lcm(stride, first.stride, second.stride):  # a stride that the network does not declare
            stride = lcm(stride, first.stride, second.stride)
        elif below < side - middle and above < middle:
            return Reach(max(least.pixels, below, above), stride)
        elif names := first.whole_image:
            raise OptionError(f"{network.name} looks at the whole image by '{names[0]}': exact tiles are impossible.")
        elif side >= 2 * MOST:
            raise OptionError(f"{network.name} looks further than {MOST} pixels: exact tiles are impossible.")
        else:
            side *= 2


def _one_side(network: TileNetwork, axis: int, side: int, middle: int, first: bool) -> tuple[int, "_Probe"]:
    """How far NaN in the first part of a side, up to the middle, or in the second reaches into the other."""
    narrow = network.sides.at_least(16)
    shape = [1, network.channels, narrow, narrow]
    shape[axis] = side
    x = torch.zeros(shape)
    x.narrow(axis, *((0, middle) if first else (middle, side - middle))).fill_(torch.nan)
    probe = _Probe(side, axis)
    with probe:
        y = network.run(x)
    touched = y.isnan().any(1)[0].any(3 - axis).nonzero()
    if not len(touched):  # it does not look at its input
        return 0, probe
    start, last = int(touched[0]) / network.scale, (int(touched[-1]) + 1) / network.scale
    return max(0, ceil(last - middle if first else middle - start)), probe


class _Probe(NormMode):
    """Norms of mean 0 and variance 1; remembers the stride, and functions of the whole image."""

    def __init__(self, side: int, axis: int) -> None:
        super().__init__()
        self.stride = 1
        self.whole_image: list[str] = []
        self.random: list[str] = []
        self._side, self._axis = side, axis

    def norm(self, number: int, call: NormCall) -> Tensor:
        zeros = torch.zeros(call.groups)
        return normalised(call, Statistics(zeros, zeros + 1, 1))

    def seen(self, name: str, arguments: Sequence[Any], settings: Mapping[str, Any], result: Any) -> None:
        if is_of_whole_image(name, arguments, settings, result):
            self.whole_image.append(name)
        elif is_random(name, arguments, settings):
            self.random.append(name)
        elif _leaves_out(name, arguments) and isinstance(result, Tensor) and result.dim() == 4:
            self.stride = max(self.stride, round(self._side / result.shape[self._axis]))


def _leaves_out(name: str, arguments: Sequence[Any]) -> bool:
    """Whether one of torch's functions may leave out positions: a strided convolution, pooling, `x[..., ::2, ::2]`."""
    if name == "__getitem__":
        index = arguments[1] if isinstance(arguments[1], tuple) else (arguments[1],)
        return any(isinstance(part, slice) and part.step not in (None, 1) for part in index)
    return name in ("conv2d", "interpolate", "pixel_unshuffle") or name.endswith("pool2d")
