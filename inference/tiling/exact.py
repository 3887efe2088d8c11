"""Statistics of the whole image for tiles: one pass over all tiles for each normalisation layer.

In pass k the layers before the k-th use the statistics of the passes before, so that the features at the k-th layer are
those of the whole image wherever a tile is far enough from its ends: in its core. Their statistics are merged over the
cores, which divide the image. What follows the k-th layer is not computed in that pass.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from pixlate.errors import OptionError

from .assembly import Grid
from .grid import Span
from .network import TileNetwork
from .norm_calls import NormCall
from .sources import ReflectedSource
from .statistics import GivenNorms, MeasuredNorms, Statistics


@dataclass(frozen=True)
class Cost:
    """What exact tiles take: passes over a number of tiles, and an estimate of the time in seconds."""

    passes: int
    tiles: int
    seconds: float

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.seconds), 60)
        duration = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        layers = "layer" if self.passes == 2 else "layers"
        return (
            f"exact tiles: {self.passes} passes over {self.tiles} tiles (one for each of {self.passes - 1} "
            f"normalisation {layers}, and one that writes), about {duration}"
        )


def cost_of(network: TileNetwork, source: ReflectedSource, grid: Grid) -> Cost:
    """Measured on the largest tile."""
    rows, columns = (max(spans, key=lambda span: span.length) for spans in (grid.rows, grid.columns))
    x = source.tile(rows, columns)
    network.run(x)  # the first time, libraries choose and load their kernels
    timed, start = _Timed(), time.perf_counter()
    with timed:
        network.run(x)
    duration = time.perf_counter() - start
    return Cost(timed.calls + 1, len(grid), len(grid) * (sum(at - start for at in timed.times) + duration))


def exact_statistics(
    network: TileNetwork, source: ReflectedSource, grid: Grid, layers: int, done: Callable[[], None] = lambda: None
) -> list[Statistics]:
    """The statistics of each of the network's norms over the whole image.

    - grid: its cores divide the image, and the tiles reach beyond them as far as the network looks.
    - layers: the number of norms; done: called after each tile of each pass.
    """
    found: list[Statistics] = []
    for _ in range(layers):
        merged: Statistics | None = None
        for rows, columns in grid:
            part = _of_core(network, source.tile(rows, columns), rows, columns, found)
            merged = part if merged is None else merged.merged(part)
            done()
        assert merged is not None
        found.append(merged)
    return found


class _Timed(MeasuredNorms):
    """Remembers when each norm was reached."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def norm(self, number: int, call: NormCall) -> Tensor:
        y = super().norm(number, call)
        self.times.append(time.perf_counter())
        return y


class _Reached(Exception):
    """Ends a pass at the norm whose statistics it is for."""


class _UpTo(GivenNorms):
    """Uses given statistics, and measures the norm after those in the core of a tile."""

    def __init__(self, statistics: Sequence[Statistics], rows: Span, columns: Span) -> None:
        super().__init__(statistics)
        self._given, self._spans = len(statistics), (rows, columns)
        self.measured: Statistics | None = None

    def norm(self, number: int, call: NormCall) -> Tensor:
        if number < self._given:
            return super().norm(number, call)
        (top, bottom), (left, right) = (
            _core(span, side) for span, side in zip(self._spans, call.x.shape[2:], strict=True)
        )
        self.measured = Statistics.of(call.x[..., top:bottom, left:right], call.groups)
        raise _Reached


def _of_core(network: TileNetwork, x: Tensor, rows: Span, columns: Span, known: Sequence[Statistics]) -> Statistics:
    mode = _UpTo(known, rows, columns)
    try:
        with mode:
            network.run(x)
    except _Reached:
        pass
    assert mode.measured is not None
    return mode.measured


def _core(span: Span, side: int) -> tuple[int, int]:
    """The core of a span among the features of a side, which has fewer positions by a stride, or more.

    Raises OptionError where these are not at the same places in every tile, as after a convolution without padding.
    """
    first, last = span.first - span.start, span.last - span.start
    at_end = last == span.length
    if side > span.length:
        factor, rest = divmod(side, span.length)
        if rest == 0:
            return first * factor, last * factor
    else:
        stride = round(span.length / side)
        if abs(side * stride - span.length) < stride and first % stride == 0 and (at_end or last % stride == 0):
            return first // stride, side if at_end else last // stride
    raise OptionError(f"exact tiles are impossible: {span.length} pixels become {side} within the network.")
