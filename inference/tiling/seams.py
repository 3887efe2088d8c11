"""A measure of the seams between tiles: what changes across their borders, compared with everywhere else."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlate.errors import DataError

Values = NDArray[np.float64]


def seam_measure(
    image: NDArray[Any], rows: Sequence[int], columns: Sequence[int], *, gap: int = 0, width: int = 1
) -> float:
    """The mean change across the borders of tiles, divided by the mean change across all other places.

    1 means that borders are like any other place, 2 that the image changes there by twice as much.

    - image: H×W or H×W×C values of any range.
    - rows, columns: where one tile gives way to the next: between the pixels i - 1 and i.
    - width: a change is that between the means of two squares of `width` pixels on both sides of a place. With 1 it is
      the difference of neighbouring pixels, which finds sharp seams; larger squares find differences of colour
      between tiles, which the texture of the image hides.
    - gap: the pixels between the two squares: the overlap in which tiles are blended.

    Raises DataError where there is no border, or no place to compare it with.
    """
    if width < 1 or gap < 0:
        raise DataError(f"seams are measured with a width of 1 or more and a gap of 0 or more, not {width} and {gap}.")
    values = np.asarray(image, np.float64)
    values = values.reshape(*values.shape[:2], -1)
    sides = ((values, rows), (values.swapaxes(0, 1), columns))
    found = [_changes(part, borders, gap, width) for part, borders in sides if len(borders)]
    at, elsewhere = (np.concatenate([np.zeros(0), *(pair[i] for pair in found)]) for i in range(2))
    if not at.size or not elsewhere.size:
        raise DataError("seams are measured at the borders of tiles, away from the ends of the image: there are none.")
    if not elsewhere.mean():
        return 1.0 if not at.mean() else float("inf")
    return float(at.mean() / elsewhere.mean())


def _changes(values: Values, borders: Sequence[int], gap: int, width: int) -> tuple[Values, Values]:
    """The mean change across each border, and across each other place, between rows of values."""
    height, length, channels = values.shape
    blocks = max(1, length // width)
    if length >= width:
        values = values[:, : blocks * width].reshape(height, blocks, width, channels).mean(2)
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), values.cumsum(0)])
    before, after = gap // 2, gap - gap // 2
    places = np.arange(before + width, height - after - width + 1)
    if not len(places):
        return np.zeros(0), np.zeros(0)
    above = sums[places - before] - sums[places - before - width]
    below = sums[places + after + width] - sums[places + after]
    changes = np.abs(below - above).mean((1, 2)) / width
    is_border = np.isin(places, np.asarray(borders, int))
    distance = np.abs(places[:, None] - np.asarray([*borders, 10 * height], int)).min(1)
    return changes[is_border], changes[distance >= gap + 2 * width]
