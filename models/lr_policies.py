"""Learning-rate policies: the rate as a function of the epoch, constant within it."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """The lengths that a policy is laid out over, in epochs."""

    n_epochs: int
    n_epochs_decay: int
    lr_decay_iters: int = 50

    @property
    def total(self) -> int:
        """All epochs of the run."""
        return self.n_epochs + self.n_epochs_decay


class Policy(ABC):
    """What the learning rate is multiplied by in each epoch; one instance lives as long as its run."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    @abstractmethod
    def factor(self, epoch: int) -> float:
        """The multiple of `--lr` in an epoch, counted from 1."""

    def epoch_ended(self, loss: float) -> None:
        """Take note of an epoch's mean of the model's watched losses."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know; empty where the epoch says all."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class Linear(Policy):
    """Constant for `n_epochs`, then in equal steps towards zero, which epoch total + 1 would reach."""

    def factor(self, epoch: int) -> float:
        return 1.0 - max(0, epoch - self.schedule.n_epochs) / (self.schedule.n_epochs_decay + 1)


class Step(Policy):
    """A tenth after every `lr_decay_iters` epochs."""

    def factor(self, epoch: int) -> float:
        return float(0.1 ** ((epoch - 1) // self.schedule.lr_decay_iters))


class Cosine(Policy):
    """Half a cosine from 1 towards 0 over all epochs, which epoch total + 1 would reach.

    The reference anneals over `n_epochs` alone, so that its rate rises again during the decay epochs.
    """

    def factor(self, epoch: int) -> float:
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (epoch - 1) / max(1, self.schedule.total))))


class Plateau(Policy):
    """A fifth whenever the watched loss has not fallen by 1 % for more than 5 epochs.

    The reference feeds zeros, so that its rate falls whatever happens; this one is fed the epoch's mean of the
    losses that the model names in `watched_losses`.
    """

    FACTOR, THRESHOLD, PATIENCE = 0.2, 0.01, 5

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        self._factor, self._best, self._bad_epochs = 1.0, math.inf, 0

    def factor(self, epoch: int) -> float:
        return self._factor

    def epoch_ended(self, loss: float) -> None:
        if loss < self._best * (1 - self.THRESHOLD):
            self._best, self._bad_epochs = loss, 0
        else:
            self._bad_epochs += 1
        if self._bad_epochs > self.PATIENCE:
            self._factor, self._bad_epochs = self._factor * self.FACTOR, 0

    def state_dict(self) -> dict[str, Any]:
        return {"factor": self._factor, "best": self._best, "bad_epochs": self._bad_epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._factor, self._best = float(state["factor"]), float(state["best"])
        self._bad_epochs = int(state["bad_epochs"])
