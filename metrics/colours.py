"""The colour-histogram intersections of the pix2pix paper: whether translations have as many colours as real images."""

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
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
        self._fake: list[NDArray[np.float64]] = []
        self._real: list[NDArray[np.float64]] = []
        self._floor = NoiseFloor()

    def add(self, fake: Tensor, real: Tensor) -> None:
        for images, histograms in ((fake, self._fake), (real, self._real)):
            if images.shape[1] != 3:
                raise DataError(f"a histogram of CIELAB needs colours, not images of {images.shape[1]} channels.")
            histograms += self._histograms(images)

    def add_for_floor(self, real: Tensor, phase: str) -> None:
        self._floor.add(torch.from_numpy(np.stack(self._histograms(real))), phase)

    def _histograms(self, images: Tensor) -> list[NDArray[np.float64]]:
        L, ab = lab_of(images.float().clamp(-1, 1).cpu())
        values = {"L": L[:, 0], "a": ab[:, 0], "b": ab[:, 1]}[self.channel]
        return [np.histogram(image.numpy(), BINS, (-1, 1))[0].astype(np.float64) for image in values]

    def result(self) -> Measured:
        fake, real = np.stack(self._fake), np.stack(self._real)
        draw = np.random.default_rng(self.context.seed)
        resampled = [
            _intersection(*(each[draw.integers(0, len(each), len(each))].sum(0) for each in (fake, real)))
            for _ in range(RESAMPLES)
        ]
        low, high = percentiles(resampled)
        floor = self._floor.of(torch.from_numpy(real), len(fake), _intersection_of_sets, draw)
        return Measured(_intersection(fake.sum(0), real.sum(0)), len(fake), low, high, *floor)


class LabHistogramL(_HistogramIntersection):
    """Of L*, the lightness."""

    channel = "L"


class LabHistogramA(_HistogramIntersection):
    """Of a*, from green to red."""

    channel = "a"


class LabHistogramB(_HistogramIntersection):
    """Of b*, from blue to yellow."""

    channel = "b"


def _intersection_of_sets(one: Tensor, other: Tensor) -> float:
    return _intersection(one.sum(0).numpy(), other.sum(0).numpy())


def _intersection(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.minimum(one / one.sum(), other / other.sum()).sum())
