"""Metrics of two sets of images, by the features of a network: Fréchet and kernel distances, precision and recall.

The formulas are computed on features of float64. A distance of N images is biased: of few, it is large even between two
sets of real images, which is why the noise floor stands beside it, and why values of different N cannot be compared.
"""

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pixlate.errors import DataError

from .base import Measured, Metric, MetricContext
from .features import EfficientNetLite0, FeatureNetwork, InceptionV3, shared_network
from .floor import NoiseFloor

MIN_IMAGES = 4  # of each set
RESAMPLES = 20  # each costs as much as the value itself
KID_SUBSETS, KID_SIZE = 100, 1000  # as torch-fidelity: subsets of at most so many images
NEIGHBOUR = 3  # of precision and recall, as in their paper


class SetMetric(Metric):
    """A metric of the features of two sets."""

    paired = False
    min_images = MIN_IMAGES
    network: ClassVar[type[FeatureNetwork]] = InceptionV3

    def __init__(self, context: MetricContext) -> None:
        super().__init__(context)
        self._network = shared_network(self.network, context)
        self._fake: list[Tensor] = []
        self._real: list[Tensor] = []
        self._floor = NoiseFloor()

    @abstractmethod
    def distance(self, fake: Tensor, real: Tensor) -> float:
        """The metric of N×D and M×D features."""

    def add(self, fake: Tensor, real: Tensor) -> None:
        self._fake.append(self._network(_levels(fake)))
        self._real.append(self._network(_levels(real)))

    def add_for_floor(self, real: Tensor, phase: str) -> None:
        self._floor.add(self._network(_levels(real)), phase)

    def result(self) -> Measured:
        fake, real = torch.cat(self._fake), torch.cat(self._real)
        if min(len(fake), len(real)) < MIN_IMAGES:
            raise DataError(
                f"a metric of sets needs {MIN_IMAGES} images of each or more, not {len(fake)} and {len(real)}."
            )
        draw = np.random.default_rng(self.context.seed)
        value = self.distance(fake, real)
        # Of three quarters without repetition: images that are drawn twice would change the distance by themselves.
        parts = [
            self.distance(*(each[draw.permutation(len(each))[: max(2, 3 * len(each) // 4)]] for each in (fake, real)))
            for _ in range(RESAMPLES)
        ]
        spread = float(np.std(parts)) * math.sqrt(3 / 4 / (1 / 4))  # of a subsample to that of the whole
        floor = self._floor.of(real, len(fake), self.distance, draw)
        return Measured(value, len(fake), value - 2 * spread, value + 2 * spread, *floor)


class FrechetDistance(SetMetric):
    """The squared distance of two Gaussians fitted to the features (Heusel et al. 2017)."""

    def distance(self, fake: Tensor, real: Tensor) -> float:
        return frechet_distance(fake, real)


class KernelDistance(SetMetric):
    """The squared maximum mean discrepancy with a cubic kernel, unbiased, times 1 (Bińkowski et al. 2018)."""

    def distance(self, fake: Tensor, real: Tensor) -> float:
        draw = np.random.default_rng(self.context.seed)
        size = min(KID_SIZE, len(fake), len(real))
        subsets = KID_SUBSETS if size < min(len(fake), len(real)) else 1
        values = [
            kernel_distance(*(each[draw.permutation(len(each))[:size]] for each in (fake, real)))
            for _ in range(subsets)
        ]
        return float(np.mean(values))


class Precision(SetMetric):
    """The share of translated images that lie among the real ones (Kynkäänniemi et al. 2019)."""

    higher_is_better = True

    def distance(self, fake: Tensor, real: Tensor) -> float:
        return share_among(fake, real)


class Recall(SetMetric):
    """The share of real images that lie among the translated ones."""

    higher_is_better = True

    def distance(self, fake: Tensor, real: Tensor) -> float:
        return share_among(real, fake)


class FrechetDistanceEffLite0(FrechetDistance):
    """On the features of EfficientNet-Lite0: FD-EffLite0, which is no FID."""

    network = EfficientNetLite0


class KernelDistanceEffLite0(KernelDistance):
    """On the features of EfficientNet-Lite0: KD-EffLite0, which is no KID."""

    network = EfficientNetLite0


class PrecisionEffLite0(Precision):
    """On the features of EfficientNet-Lite0."""

    network = EfficientNetLite0


class RecallEffLite0(Recall):
    """On the features of EfficientNet-Lite0."""

    network = EfficientNetLite0


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Of N×D and M×D features.

    tr((S1 S2)^(1/2)) is the sum of the singular values of X1 X2ᵀ / √((N-1)(M-1)), X the centred features: exact, and
    for fewer images than features faster than the root of a D×D matrix.
    """
    means = one.mean(0), other.mean(0)
    X1, X2 = one - means[0], other - means[1]
    n, m = len(one) - 1, len(other) - 1
    if min(len(one), len(other)) > one.shape[1]:  # the same of the smaller D×D matrix
        roots = [torch.linalg.qr(X, mode="r").R for X in (X1, X2)]
        product = roots[0] @ roots[1].T
    else:
        product = X1 @ X2.T
    cross = float(torch.linalg.svdvals(product).sum()) / math.sqrt(n * m)
    traces = float(X1.square().sum()) / n + float(X2.square().sum()) / m
    return float((means[0] - means[1]).square().sum()) + traces - 2 * cross


def kernel_distance(one: Tensor, other: Tensor) -> float:
    """The unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)³, of N×D features each."""

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        products: Tensor = a @ b.T / one.shape[1] + 1
        return products**3

    within = 0.0
    for each in (one, other):
        products = kernel(each, each)
        within += float(products.sum() - products.diagonal().sum()) / (len(each) * (len(each) - 1))
    between = float(kernel(one, other).mean())
    return within - 2 * between


def share_among(points: Tensor, others: Tensor) -> float:
    """The share of points within the distance of some other point to its `NEIGHBOUR`-th neighbour."""
    between = torch.cdist(others, others)
    radii = between.kthvalue(min(NEIGHBOUR + 1, len(others)), dim=1).values  # the nearest is the point itself
    inside = (torch.cdist(points, others) <= radii[None]).any(1)
    return float(inside.double().mean())


def _levels(images: Tensor) -> Tensor:
    """Colours N×3×H×W in [0, 1]. Raises DataError for other channels than grey and colours."""
    if images.shape[1] not in (1, 3):
        raise DataError(f"a network for photographs takes images of 1 or 3 channels, not {images.shape[1]}.")
    return ((images.float() + 1) / 2).clamp(0, 1).expand(-1, 3, -1, -1)
