"""Statistics of normalisation layers: measured on features, merged over parts of an image, and used for others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .norm_calls import NormCall, NormMode


@dataclass(frozen=True)
class Statistics:
    """The mean and the biased variance of each group of channels, and the number of values of each, in float64."""

    mean: Tensor
    variance: Tensor
    count: int

    @classmethod
    def of(cls, x: Tensor, groups: int) -> "Statistics":
        """Measure features 1×C×H×W. In two passes, which does not lose digits where the mean is large."""
        means, variances = [], []
        for values in x.detach().reshape(groups, -1):  # one group at a time: float64 needs twice the memory
            wide = values.double() if x.device.type != "mps" else values.cpu().double()
            means.append(mean := wide.mean())
            variances.append(wide.sub_(mean).square_().mean())
        return cls(torch.stack(means), torch.stack(variances), x.numel() // groups)

    def merged(self, other: "Statistics") -> "Statistics":
        """The statistics of both parts together (Chan, Golub and LeVeque 1979)."""
        count = self.count + other.count
        share = other.count / count
        difference = other.mean - self.mean
        variance = self.variance * (1 - share) + other.variance * share + difference.square() * (share * (1 - share))
        return Statistics(self.mean + difference * share, variance, count)


def normalised(call: NormCall, statistics: Statistics) -> Tensor:
    """The features of a call, normalised by given statistics."""
    x, repeats = call.x, call.x.shape[1] // call.groups
    mean, variance = (
        values.to(torch.float32).to(x.device).repeat_interleave(repeats)
        for values in (statistics.mean, statistics.variance)
    )
    return F.batch_norm(x, mean, variance, call.weight, call.bias, training=False, eps=call.eps)


class GivenNorms(NormMode):
    """Normalises by given statistics, one for each call of the pass."""

    def __init__(self, statistics: Sequence[Statistics]) -> None:
        super().__init__()
        self._statistics = statistics

    def norm(self, number: int, call: NormCall) -> Tensor:
        return normalised(call, self._statistics[number])


class MeasuredNorms(NormMode):
    """Normalises each call by its own statistics, and keeps them.

    - whole_image: names of torch's other functions that compute something of a whole image, such as its mean, or
      attention; with tiles they compute it of each tile. random: those that draw random numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.statistics: list[Statistics] = []
        self.whole_image: list[str] = []
        self.random: list[str] = []

    def norm(self, number: int, call: NormCall) -> Tensor:
        self.statistics.append(Statistics.of(call.x, call.groups))
        return normalised(call, self.statistics[-1])

    def seen(self, name: str, arguments: Sequence[Any], settings: Mapping[str, Any], result: Any) -> None:
        if name not in self.whole_image and is_of_whole_image(name, arguments, settings, result):
            self.whole_image.append(name)
        if is_random(name, arguments, settings):
            self.random.append(name)


_FEW = 16  # positions; fewer are those of the innermost levels of a network
_ATTENTION = ("scaled_dot_product_attention", "multi_head_attention_forward")
_ALONG_SIDES = ("cumsum", "roll", "fft_fft2", "fft_rfft2", "fft_fftn", "fft_rfftn")
_RANDOM = ("rand", "randn", "rand_like", "randn_like", "randint", "normal", "normal_", "uniform_", "bernoulli")
_DROPOUT = ("dropout", "dropout2d", "alpha_dropout", "feature_alpha_dropout")


def is_random(name: str, arguments: Sequence[Any], settings: Mapping[str, Any]) -> bool:
    """Whether a call of one of torch's functions draws random numbers: for tiles others than for the whole image."""
    if name in _DROPOUT:  # dropout(input, p, training)
        return bool(arguments[2] if len(arguments) > 2 else settings.get("training", True))
    return name in _RANDOM


def is_of_whole_image(name: str, arguments: Sequence[Any], settings: Mapping[str, Any], result: Any) -> bool:
    """Whether a call of one of torch's functions combines all positions of features, as a mean or attention does."""
    first = arguments[0] if arguments else None
    result = result[0] if isinstance(result, tuple) and result else result  # var_mean, say
    if not isinstance(first, Tensor) or not isinstance(result, Tensor) or first.dim() < 3:
        return False
    if name in (*_ATTENTION, *_ALONG_SIDES):
        return True
    if name == "layer_norm":  # over channels alone it is one of each position
        return len(arguments[1] if len(arguments) > 1 else settings.get("normalized_shape", ())) > 1
    if name in ("instance_norm", "group_norm") and first.dim() == 3:
        return True
    if name == "softmax":  # along channels it is one of each position
        return (arguments[1] if len(arguments) > 1 else settings.get("dim")) != 1
    if name in (
        "batch_norm",
        "instance_norm",
        "group_norm",
    ):  # by running statistics, or of several images
        return len(first) != 1
    positions = first.shape[-1] * first.shape[-2] if first.dim() == 4 else 0
    return positions >= _FEW and 0 < result.numel() * positions <= first.numel()
