"""Images of which regions are read, and their continuation by reflection."""

from typing import Protocol

import torch
from torch import Tensor

from .grid import Span


class Source(Protocol):
    """An image of which regions are read: 1×C×h×w in [-1, 1]."""

    @property
    def height(self) -> int:
        """In pixels."""

    @property
    def width(self) -> int:
        """In pixels."""

    def read(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """The rows [top, bottom) and columns [left, right), all within the image."""


class TensorSource:
    """An image in memory, 1×C×H×W in [-1, 1]."""

    def __init__(self, x: Tensor) -> None:
        self._x = x
        self.height, self.width = x.shape[-2:]

    def read(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        return self._x[..., top:bottom, left:right]


class ReflectedSource:
    """A source continued by reflection at its lower and right edge, up to sides that a network accepts."""

    def __init__(self, source: Source, height: int, width: int) -> None:
        self._source = source
        self.height, self.width = height, width

    def read(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        rows, columns = _reflected(top, bottom, self._source.height), _reflected(left, right, self._source.width)
        (upper, lower), (first, last) = _range(rows), _range(columns)
        x = self._source.read(upper, lower, first, last)
        if lower - upper == bottom - top and last - first == right - left and rows[0] == upper and columns[0] == first:
            return x
        return x[..., rows - upper, :][..., columns - first]

    def tile(self, rows: Span, columns: Span) -> Tensor:
        """What a tile reads."""
        return self.read(rows.start, rows.stop, columns.start, columns.stop)


def _reflected(start: int, stop: int, side: int) -> Tensor:
    """The positions within a side of the positions [start, stop) of its continuation."""
    period = max(1, 2 * (side - 1))
    positions = torch.arange(start, stop) % period
    return torch.minimum(positions, period - positions) if side > 1 else torch.zeros_like(positions)


def _range(positions: Tensor) -> tuple[int, int]:
    return int(positions.min()), int(positions.max()) + 1
