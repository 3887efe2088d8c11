"""Metrics of labels: classes that a model computes against those of the ground truth."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .base import RESAMPLES, Measured, Metric, MetricContext, percentiles


class _LabelMetric(Metric):
    """Collects a confusion matrix for each image; pixels without a class are left out."""

    higher_is_better = True
    kind = "labels"

    def __init__(self, context: MetricContext) -> None:
        super().__init__(context)
        self._confusion: list[NDArray[np.int64]] = []  # of each image: rows are true classes, columns computed ones
        self._added = 0  # images of the last batch

    def add(self, fake: Tensor, real: Tensor) -> None:
        classes, self._added = real.shape[1], len(real)
        for computed, true in zip(fake, real, strict=True):
            known = true.amax(0) > 0
            pairs = true.argmax(0)[known] * classes + computed.argmax(0)[known]
            counts = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
            self._confusion.append(counts.cpu().numpy())

    def score(self, confusion: NDArray[np.int64]) -> float:
        """The metric of a confusion matrix; NaN where no pixel has a class."""
        raise NotImplementedError

    def last(self) -> tuple[float, ...]:
        return tuple(self.score(matrix) for matrix in self._confusion[-self._added :])

    def result(self) -> Measured:
        """Over the pixels of all images, as segmentations are judged; the interval resamples the images."""
        matrices = np.stack(self._confusion) if self._confusion else np.zeros((0, 1, 1), np.int64)
        each = tuple(self.score(matrix) for matrix in matrices)
        low, high = None, None
        if len(matrices) > 1:
            draws = np.random.default_rng(self.context.seed).integers(0, len(matrices), (RESAMPLES // 4, len(matrices)))
            low, high = percentiles([self.score(matrices[draw].sum(0)) for draw in draws])
        return Measured(self.score(matrices.sum(0)), len(matrices), low, high, per_image=each)


class PixelAccuracy(_LabelMetric):
    """The share of pixels whose class is right."""

    def score(self, confusion: NDArray[np.int64]) -> float:
        return _share(np.trace(confusion), confusion.sum())


class ClassAccuracy(_LabelMetric):
    """The share of right pixels of each class, averaged over the classes that the ground truth has."""

    def score(self, confusion: NDArray[np.int64]) -> float:
        right, all_ = np.diag(confusion), confusion.sum(1)
        return float(np.mean(right[all_ > 0] / all_[all_ > 0])) if all_.any() else float("nan")


class MeanIoU(_LabelMetric):
    """Intersection over union of each class, averaged over the classes that the ground truth or the result has."""

    def score(self, confusion: NDArray[np.int64]) -> float:
        right = np.diag(confusion)
        union = confusion.sum(0) + confusion.sum(1) - right
        return float(np.mean(right[union > 0] / union[union > 0])) if union.any() else float("nan")


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
