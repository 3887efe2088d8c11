"""The mean losses of an epoch, without waiting for the device at every step."""

from collections import Counter
from collections.abc import Mapping

from torch import Tensor


class MeanLosses:
    """Sums the losses of steps on their device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: Counter[str] = Counter()

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Add the losses of one step, by name; a model may give some of them in some steps only."""
        for name, loss in losses.items():
            self._sums[name] = self._sums[name] + loss if name in self._sums else loss
        self._counts.update(losses.keys())

    def take(self) -> dict[str, float]:
        """The means of the steps since the last call; waits for the device."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        self._sums.clear()
        self._counts.clear()
        return means
