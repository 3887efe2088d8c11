"""The base classes of metrics, and what a metric measures: a value, its interval, and how many images it is of."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixlate.plugins.field import Field
from pixlate.util.text import counted

RESAMPLES = 1000  # of the bootstrap
CONFIDENCE = 0.95


@dataclass(frozen=True)
class MetricContext:
    """What a metric is constructed with.

    - field: of the images that are compared.
    - device: where networks compute.
    - weights: files of the weights of networks, by the network's name.
    - seed: of what is drawn at random.
    - networks: those that metrics of one evaluation share, see `features.shared_network`.
    - input_field: of the images that were translated.
    """

    field: Field = dataclass_field(default_factory=Field)
    device: torch.device = torch.device("cpu")
    weights: Mapping[str, Path] = dataclass_field(default_factory=dict)
    seed: int = 0
    networks: dict[Any, Any] = dataclass_field(default_factory=dict, compare=False, repr=False)
    input_field: Field = dataclass_field(default_factory=Field)


@dataclass(frozen=True)
class Measured:
    """The result of a metric.

    - value; n: the number of images that it is of.
    - low, high: the 95 % interval of the value by resampling the images; None where it has none.
    - floor: the value of real images of the target in place of the translated ones; None where there is none.
    - floor_n: how many took their place: as many as there are translated ones, or half of the real images where there
      are no others; floor_phase: of which phase of the data they are, where not of that which is measured.
    - per_image: the value of each image, in order; empty for a metric of sets.
    """

    value: float
    n: int
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    floor_n: int | None = None
    floor_phase: str = ""
    per_image: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, without those of single images."""
        return {name: value for name, value in asdict(self).items() if name != "per_image"}


class Metric(ABC):
    """Compares translated images with real ones.

    - higher_is_better: whether a larger value is a better one.
    - paired: whether it compares each image with its ground truth; otherwise the two sets as a whole.
    - kind: of the field that it is for: "image" or "labels".
    - min_images: how many it needs of each set.
    - against: what `add` gets beside the translated images: "truth", the real images of the target, or "input", the
      images that were translated, which there are without pairs too.
    """

    higher_is_better: ClassVar[bool] = False
    paired: ClassVar[bool] = True
    kind: ClassVar[str] = "image"
    min_images: ClassVar[int] = 1
    against: ClassVar[Literal["truth", "input"]] = "truth"

    def __init__(self, context: MetricContext) -> None:
        self.context = context

    @abstractmethod
    def add(self, fake: Tensor, real: Tensor) -> None:
        """Take a batch of translated images and of real ones, N×C×H×W in [-1, 1], of labels one channel for each class.

        Unless the metric is `paired`, the two may be of different numbers and sizes.
        """

    def add_for_floor(self, real: Tensor, phase: str) -> None:
        """Take further real images of the target, of another phase of the data, for the noise floor."""

    @abstractmethod
    def result(self) -> Measured:
        """What was measured. Raises DataError where there are too few images."""

    def last(self) -> tuple[float, ...]:
        """The values of the images that were added last; empty for a metric of sets."""
        return ()


class PairMetric(Metric):
    """A metric of single images: its value is the mean over them."""

    def __init__(self, context: MetricContext) -> None:
        super().__init__(context)
        self._values: list[Tensor] = []

    @abstractmethod
    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        """N values, of N×C×H×W images in [0, 1]."""

    def add(self, fake: Tensor, real: Tensor) -> None:
        with torch.no_grad():
            levels = [((image.float() + 1) / 2).clamp(0, 1) for image in (fake, real)]
            self._values.append(self.values(*levels).double().reshape(-1).cpu())

    def last(self) -> tuple[float, ...]:
        return tuple(self._values[-1].tolist())

    def result(self) -> Measured:
        values = torch.cat(self._values).numpy() if self._values else np.zeros(0)
        low, high = interval_of_mean(values, self.context.seed)
        mean = float(values.mean()) if len(values) else float("nan")
        return Measured(mean, len(values), low, high, per_image=tuple(values.tolist()))


def interval_of_mean(values: NDArray[np.float64], seed: int) -> tuple[float | None, float | None]:
    """The percentile bootstrap interval of a mean; None for fewer than two values."""
    if len(values) < 2:
        return None, None
    draws = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    return percentiles(values[draws].mean(1))


def percentiles(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """The ends of the interval that holds `CONFIDENCE` of resampled values."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def described(measured: Measured) -> str:
    """A value with its interval and its noise floor: "0.712 [0.690, 0.731], floor 0.02 (train), of 101 images".

    Beside the floor stand the phase of its images, and their number where it is another than that of the results.
    """
    text = f"{measured.value:.4g}"
    if measured.low is not None and measured.high is not None:
        text += f" [{measured.low:.4g}, {measured.high:.4g}]"
    if measured.floor is not None:
        number = "" if measured.floor_n in (None, measured.n) else f"of {measured.floor_n}"
        of = " ".join(each for each in (measured.floor_phase, number) if each)
        text += f", floor {measured.floor:.4g}" + (f" ({of})" if of else "")
    return f"{text}, of {counted(measured.n, 'image')}"
