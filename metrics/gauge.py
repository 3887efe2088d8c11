"""Whether a model translates at all: how much it changes, beside how far the two domains are apart."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

BINS = 256  # of a channel, from 0 to 1
#: The share of what is needed below which outputs are nearly their inputs. On photographs of dusk and day, mirrored
#: inputs are at 0.26, and six checkpoints of trained CycleGANs between 0.77 and 1.06, see docs/evaluation.md.
HARDLY = 0.35
#: A change below this, 2.5 of 255 levels, cannot be seen, however close the domains are.
UNSEEN = 0.01

#: What keeps outputs like their inputs, as options whose value is a weight.
LEVERS = ("lambda_identity", "lambda_structure", "lambda_A", "lambda_B")


@dataclass(frozen=True)
class Translated:
    """How much was changed, of what had to be; all from 0 to 1.

    - change: the mean absolute difference of outputs and inputs.
    - needed: of pairs, that of ground truth and inputs; otherwise the distance of the colours of all inputs from those
      of all real images of the target, less than which no translation to these colours can change on average.
    - remaining: the distance of the colours of the outputs from those of the target.
    """

    change: float
    needed: float
    remaining: float
    paired: bool

    @property
    def hardly(self) -> bool:
        """Whether the outputs are nearly their inputs."""
        return self.change < max(UNSEEN, HARDLY * self.needed)

    def sentence(self, values: Mapping[str, Any]) -> str:
        """What was measured, and what to do where the outputs are nearly their inputs.

        - values: the options of the run.
        """
        what = "the ground truth does by" if self.paired else "the colours of the two domains by"
        text = f"The outputs differ from their inputs by {self.change:.2g} (of 0 to 1), {what} {self.needed:.2g}"
        text += "" if self.paired else f", of which {self.remaining:.2g} remain"
        if not self.hardly:
            return f"{text}."
        given = [f"--{name} ({values[name]:g})" for name in LEVERS if values.get(name)]
        lower = f", or lower {', '.join(given)}" if given else ""
        return f"{text}. It hardly translates: the outputs are nearly their inputs. Train longer{lower}."

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "hardly": self.hardly}


class Gauge:
    """Collects outputs, their inputs and the real images of the target, N×C×H×W in [-1, 1], of the same channels."""

    def __init__(self) -> None:
        self._colours: dict[str, Tensor] = {}
        self._sums = {"change": 0.0, "needed": 0.0}
        self._n = 0

    def add(self, fake: Tensor, given: Tensor, real: Tensor, *, paired: bool) -> None:
        """Take a batch; `real` may be of another number and size unless it is `paired`.

        Images whose sizes or channels cannot be compared are left out.
        """
        comparable = real.shape == fake.shape if paired else real.shape[1] == fake.shape[1]
        if fake.shape != given.shape or not comparable:
            return
        for name, images in (("fake", fake), ("given", given), ("real", real)):
            self._colours[name] = self._colours.get(name, 0) + histograms(images)
        self._n += len(fake)
        self._sums["change"] += _difference(fake, given)
        self._sums["needed"] += _difference(real, given) if paired else 0.0
        self._paired = paired

    def result(self) -> Translated | None:
        """What was measured; None without images of each kind."""
        if not self._n or any(not float(counts.sum()) for counts in self._colours.values()):
            return None
        fake, given, real = (self._colours[name] for name in ("fake", "given", "real"))
        needed = self._sums["needed"] / self._n if self._paired else colour_distance(given, real)
        return Translated(self._sums["change"] / self._n, needed, colour_distance(fake, real), self._paired)


def colour_distance(one: Tensor, other: Tensor) -> float:
    """The Wasserstein distance of the values in [0, 1] of each channel, averaged over channels, of C×bins counts."""
    shares = [(counts / counts.sum(1, keepdim=True)).cumsum(1) for counts in (one, other)]
    return float((shares[0] - shares[1]).abs().sum(1).mean()) / BINS


def histograms(images: Tensor) -> Tensor:
    """C×BINS counts of the values of N×C×H×W images."""
    values = torch.nan_to_num(images.detach().float(), nan=-1.0)  # as files have it
    levels = ((values + 1) / 2 * BINS).clamp(0, BINS - 1).long().transpose(0, 1).flatten(1)
    return torch.stack([torch.bincount(channel, minlength=BINS) for channel in levels]).double().cpu()


def _difference(one: Tensor, other: Tensor) -> float:
    """The sum over N images of their mean absolute difference, of values from 0 to 1."""
    return float((one.detach().float() - other.float()).abs().mean((1, 2, 3)).sum()) / 2
