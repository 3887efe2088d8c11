"""The curves of a run over all its sessions, read from its logs and continued."""

from collections.abc import Mapping
from pathlib import Path

from pixlate.util.curves import Curve

from .loss_log import LOSSES, METRICS, TIMING, Pick, rates, read_values, speed, values_of


class History:
    """The curves of the values of one log by name; x is the number of completed epochs, with a fraction for the current
    one.

    - log: the file in the run's folder, losses.jsonl by default; pick: the values of a record of it.
    """

    def __init__(self, epoch_size: int, log: str = LOSSES, pick: Pick | None = None) -> None:
        self.curves: dict[str, Curve] = {}
        self._epoch_size = max(1, epoch_size)
        self._log, self._pick = log, pick or values_of("losses")

    def add(self, epoch: int, epoch_images: int, values: Mapping[str, float]) -> None:
        """Add values logged in an epoch (from 1), after `epoch_images` of its images."""
        epochs = epoch - 1 + epoch_images / self._epoch_size
        for name, value in values.items():
            self.curves.setdefault(name, Curve()).add(epochs, value)

    def read(self, folder: Path, until: int) -> "History":
        """Add the values of earlier sessions from the log, up to `until` images; returns the history."""
        for position, values in read_values(folder / self._log, self._pick, until):
            self.add(position["epoch"], position["epoch_images"], values)
        return self


class RunHistory:
    """What a run has logged: losses, metrics, learning rates, and images per second."""

    def __init__(self, epoch_size: int) -> None:
        self.losses = History(epoch_size)
        self.metrics = History(epoch_size, METRICS, values_of("metrics"))
        self.rates = History(epoch_size, TIMING, rates)
        self.speed = History(epoch_size, TIMING, speed)

    def read(self, folder: Path, until: int) -> "RunHistory":
        """Add what earlier sessions logged, up to `until` images; returns the history."""
        for history in (self.losses, self.metrics, self.rates, self.speed):
            history.read(folder, until)
        return self
