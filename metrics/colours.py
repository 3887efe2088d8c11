"""The colour-histogram intersections of the pix2pix paper: whether translations have as many colours as real images."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pixlate.errors import DataError
from pixlate.util.colour import lab_of, require_colour

from .base import Measured, Metric, MetricContext, percentiles
from .floor import NoiseFloor

BINS = 100
RESAMPLES = 200


class _HistogramIntersection(Metric):
    """The intersection of the histograms of one channel of CIELAB, over all pixels of both sets; 1 for equal ones."""

    higher_is_better = True
    paired = False
    channel: ClassVar[str] = ""

    def __init__(self, context: MetricContext) -> None:
        require_colour("a histogram of CIELAB")
        super().__init__(context)
        self._fake: list[Tensor] = []
        self._real: list[Tensor] = []
        self._floor = NoiseFloor()

    def add(self, fake: Tensor, real: Tensor) -> None:
        self._fake.append(histograms(fake, self.channel))
        self._real.append(histograms(real, self.channel))

    def add_for_floor(self, real: Tensor, phase: str) -> None:
        self._floor.add(histograms(real, self.channel), phase)

    def result(self) -> Measured:
        fake, real = torch.cat(self._fake), torch.cat(self._real)
        draw = np.random.default_rng(self.context.seed)
        resampled = [
            intersection(*(each[draw.integers(0, len(each), len(each))] for each in (fake, real)))
            for _ in range(RESAMPLES)
        ]
        low, high = percentiles(resampled)
        floor = self._floor.of(real, len(fake), intersection, draw)
        return Measured(intersection(fake, real), len(fake), low, high, *floor)


class LabHistogramL(_HistogramIntersection):
    """Of L*, the lightness."""

    channel = "L"


class LabHistogramA(_HistogramIntersection):
    """Of a*, from green to red."""

    channel = "a"


class LabHistogramB(_HistogramIntersection):
    """Of b*, from blue to yellow."""

    channel = "b"


def histograms(images: Tensor, channel: str) -> Tensor:
    """N×100 float64 counts of the pixels of N×3×H×W images in [-1, 1], by "L", "a" or "b" of CIELAB.

    Raises DataError for images of other channels.
    """
    if images.shape[1] != 3:
        raise DataError(f"a histogram of CIELAB needs colours, not images of {images.shape[1]} channels.")
    L, ab = lab_of(images.float().clamp(-1, 1).cpu())
    values = {"L": L[:, 0], "a": ab[:, 0], "b": ab[:, 1]}[channel]
    counts = [np.histogram(image.numpy(), BINS, (-1, 1))[0].astype(np.float64) for image in values]
    return torch.from_numpy(np.stack(counts)) if counts else torch.zeros(0, BINS, dtype=torch.float64)


def intersection(one: Tensor, other: Tensor) -> float:
    """The intersection of the histograms of two sets, of N×bins and M×bins counts."""
    shares = [counts.sum(0) / counts.sum() for counts in (one, other)]
    return float(torch.minimum(*shares).sum())
