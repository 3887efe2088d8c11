"""Curves in constant memory, however many values are added to them."""

import math
from collections.abc import Sequence

Point = tuple[float, float]


class Curve:
    """One value over time, downsampled to at most `max_points` points.

    Each point is the mean of the same number of consecutive values. When the curve is full, pairs of points are merged,
    and each further point is the mean of twice as many values. So a page takes as long after ten thousand epochs as
    after ten.
    """

    def __init__(self, max_points: int = 400) -> None:
        self.last = math.nan
        self._max_points = max_points
        self._stride = 1  # values in a point
        self._points: list[Point] = []
        self._pending: list[Point] = []  # values of the next point, which is not complete yet

    def add(self, x: float, y: float) -> None:
        """Add the next value. Means ignore NaN and infinity; a point that has no other values is NaN, a gap."""
        self.last = y
        self._pending.append((x, y))
        if len(self._pending) == self._stride:
            self._points.append(_mean(self._pending))
            self._pending.clear()
        if len(self._points) == self._max_points:
            # `max_points` is even: every point has a partner.
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            self._points = [_mean(pair) for pair in pairs]
            self._stride *= 2

    def points(self) -> list[Point]:
        """The curve, oldest point first."""
        return [*self._points, *([_mean(self._pending)] if self._pending else [])]


def _mean(points: Sequence[Point]) -> Point:
    finite = [y for _, y in points if math.isfinite(y)]
    return sum(x for x, _ in points) / len(points), sum(finite) / len(finite) if finite else math.nan
