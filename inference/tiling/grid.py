"""Tiles that cover an image, and the weights with which overlapping ones are blended.

An image of height H and width W is covered by the products of spans: those of its rows and those of its columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Span:
    """The part of a side that one tile covers, in pixels: it reads [start, stop) and contributes to [first, last)."""

    start: int
    stop: int
    first: int
    last: int

    @property
    def length(self) -> int:
        """What it reads."""
        return self.stop - self.start


def overlapping_spans(side: int, tile: int, overlap: int, multiple: int = 1) -> list[Span]:
    """Spans of `tile` pixels that overlap by `overlap` or more, to be blended; one span for a shorter side.

    - side: a multiple of `multiple`, at which all spans begin; the last one ends at the end of the side.
    """
    if side <= tile:
        return [Span(0, side, 0, side)]
    step = max(multiple, (tile - overlap) // multiple * multiple)
    starts = [*range(0, side - tile, step), side - tile]
    return [Span(start, start + tile, start, start + tile) for start in starts]


def core_spans(side: int, tile: int, overlap: int, multiple: int = 1) -> list[Span]:
    """Spans of at most `tile` pixels, of which each contributes to its core: what is `overlap` pixels from its ends.

    The cores divide the side. At the ends of the side a span ends there, where the network's padding belongs.

    - side, overlap: multiples of `multiple`; 2 · overlap + multiple <= tile.
    """
    core = (tile - 2 * overlap) // multiple * multiple
    return [
        Span(max(0, first - overlap), min(side, first + core + overlap), first, min(side, first + core))
        for first in range(0, side, core)
    ]


def blending_weights(spans: Sequence[Span]) -> list[NDArray[np.float32]]:
    """The weight of each span at each pixel that it contributes to; at every pixel they sum to 1.

    Over an overlap the weight rises as a raised cosine, (1 - cos πt) / 2, whose slope is zero at both ends. Where more
    than two spans overlap, weights are divided by their sum.
    """
    weights = []
    for number, span in enumerate(spans):
        weight = np.ones(span.last - span.first)
        before = max((other.last for other in spans[:number]), default=span.first) - span.first
        after = span.last - min((other.first for other in spans[number + 1 :]), default=span.last)
        if before > 0:
            weight[:before] *= _rise(before)
        if after > 0:
            weight[-after:] *= _rise(after)[::-1]
        weights.append(weight)
    total = np.zeros(max(span.last for span in spans))
    for span, weight in zip(spans, weights, strict=True):
        total[span.first : span.last] += weight
    return [
        (weight / total[span.first : span.last]).astype(np.float32) for span, weight in zip(spans, weights, strict=True)
    ]


def _rise(length: int) -> NDArray[np.float64]:
    """From 0 to 1, at the centres of pixels, so that it is nowhere 0."""
    return (1 - np.cos(np.pi * (np.arange(length) + 0.5) / length)) / 2
