"""Learning-rate policies, functions from the position in a run to a factor, and their application to optimizers.

A rate is constant within an epoch, or set before every step by policies that work per step. In both cases it follows
from the position alone, so that resuming needs no further state.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from pixlate.errors import PixlateError, did_you_mean
from pixlate.options.optimisation import OptimisationOptions
from pixlate.plugins.run import Progress


@dataclass(frozen=True)
class Schedule:
    """The lengths of a run's phases.

    - n_epochs, n_epochs_decay: epochs at the full rate, and of its decay.
    - lr_decay_iters: epochs between the steps of "step".
    - lr_warmup: steps over which a warm-up raises the rate.
    - images: those of the whole run, where it ends within an epoch; 0 where it ends with one.
    - decay_share: of these images, over which the rate falls.
    """

    n_epochs: int
    n_epochs_decay: int
    lr_decay_iters: int = 50
    lr_warmup: int = 1000
    images: int = 0
    decay_share: float = 0.5

    @property
    def total(self) -> int:
        """The number of epochs of the run."""
        return self.n_epochs + self.n_epochs_decay

    def done(self, progress: Progress) -> float:
        """The part of the run before a position, from 0 to 1: by images where their number is known, else by epochs."""
        part = progress.images / self.images if self.images else (progress.epoch - 1) / max(1, self.total)
        return min(1.0, part)


def schedule_of(options: OptimisationOptions) -> Schedule:
    """The schedule that the options describe."""
    share = 0.5 if options.decay_share is None else options.decay_share
    lengths = options.n_epochs, options.n_epochs_decay, options.lr_decay_iters, options.lr_warmup
    return Schedule(*lengths, options.n_images, share)


class Policy(ABC):
    """The factor of the learning rate at each position of a run. A run has one instance."""

    #: Whether the rate is set before every step. Otherwise it is set at the start of an epoch, and constant within it.
    per_step: ClassVar[bool] = False

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    @abstractmethod
    def factor(self, progress: Progress) -> float:
        """The factor of the initial learning rate.

        - progress: the position before the next step. Its epoch is counted from 1; the images and steps before it are
          known only where the policy works per step.
        """

    def epoch_ended(self, loss: float) -> None:
        """Called after each epoch with its mean of the model's watched losses."""

    def state_dict(self) -> dict[str, Any]:
        """The state that a resumed run needs in addition to the epoch's number."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""


class Linear(Policy):
    """1 for `n_epochs`, then falling in equal steps; epoch total + 1 would reach 0.

    In a run of a number of images the rate falls with every step of the last `decay_share`, and reaches 0 at its end.
    """

    def factor(self, progress: Progress) -> float:
        if self.schedule.images:
            share = self.schedule.decay_share
            return min(1.0, (1 - self.schedule.done(progress)) / share) if share else 1.0
        return 1.0 - max(0, progress.epoch - self.schedule.n_epochs) / (self.schedule.n_epochs_decay + 1)


class Step(Policy):
    """Multiplied by 0.1 after every `lr_decay_iters` epochs."""

    def factor(self, progress: Progress) -> float:
        return float(0.1 ** ((progress.epoch - 1) // self.schedule.lr_decay_iters))


class Cosine(Policy):
    """Half a period of a cosine, from 1 over all epochs; epoch total + 1 would reach 0.

    The reference anneals over `n_epochs` alone, so that its rate rises again during the decay epochs.
    """

    def factor(self, progress: Progress) -> float:
        return 0.5 * (1 + math.cos(math.pi * self.schedule.done(progress)))


class WarmUp(Linear):
    """Rising in equal parts over the first `lr_warmup` steps, and otherwise as "linear"."""

    per_step = True

    def factor(self, progress: Progress) -> float:
        return min(1.0, (progress.step + 1) / max(1, self.schedule.lr_warmup)) * super().factor(progress)


class WarmUpCosine(Cosine):
    """Rising in equal parts over the first `lr_warmup` steps, and otherwise as "cosine"."""

    per_step = True

    def factor(self, progress: Progress) -> float:
        return min(1.0, (progress.step + 1) / max(1, self.schedule.lr_warmup)) * super().factor(progress)


class Plateau(Policy):
    """Multiplied by 0.2 when the watched loss has not fallen by 1 % for more than 5 epochs.

    The arithmetic is that of torch's ReduceLROnPlateau. The reference passes zeros to it, so that its rate falls
    whatever the losses are; here the watched loss is the epoch's mean of the losses that the model names in
    `watched_losses`.
    """

    FACTOR, THRESHOLD, PATIENCE = 0.2, 0.01, 5

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        self._factor, self._best, self._bad_epochs = 1.0, math.inf, 0

    def factor(self, progress: Progress) -> float:
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


class LearningRate:
    """Sets the learning rates of a model's optimizers, and averages the losses that a policy watches.

    - make_policy: the policy's class.
    - watched_losses: the names of those losses.
    - device: where the losses are computed. Their sum stays there, so that no step waits for the device.
    """

    def __init__(
        self,
        make_policy: Callable[[Schedule], Policy],
        schedule: Schedule,
        watched_losses: Sequence[str],
        device: torch.device,
    ) -> None:
        self.policy, self.schedule = make_policy(schedule), schedule
        self._make_policy = make_policy
        self._watched_losses = watched_losses
        # float64, because float32 loses small terms of a sum over a million steps; MPS has no float64.
        self._sum = torch.zeros((), dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
        self._steps = 0

    def use(self, schedule: Schedule) -> None:
        """Go on with another schedule; the policy keeps its state."""
        state = self.policy.state_dict()
        self.policy, self.schedule = self._make_policy(schedule), schedule
        if state:
            self.policy.load_state_dict(state)

    @property
    def per_step(self) -> bool:
        """Whether the rate is set before every step."""
        return self.policy.per_step or self.schedule.images > 0

    def set(self, progress: Progress, optimizers: Iterable[Optimizer]) -> None:
        """Set the optimizers' rates: each one's initial rate times the policy's factor at a position of the run."""
        factor = self.policy.factor(progress)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    def observe(self, losses: Mapping[str, Tensor]) -> None:
        """Add a step's watched losses to the epoch's sum."""
        for name in self._watched_losses:
            if name not in losses:
                raise PixlateError(
                    f"watched_losses contains '{name}', which is not a loss of the step.{did_you_mean(name, losses)}"
                )
            self._sum += losses[name].to(self._sum)
        self._steps += 1

    def end_epoch(self) -> None:
        """Give the policy the mean over the epoch's steps, and start a new sum."""
        self.policy.epoch_ended(float(self._sum) / max(1, self._steps))
        self._sum, self._steps = torch.zeros_like(self._sum), 0

    def state_dict(self) -> dict[str, Any]:
        """The policy's state, and the sum over the current epoch's steps."""
        return {"policy": self.policy.state_dict(), "watched": {"sum": float(self._sum), "steps": self._steps}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; a policy starts anew if another one without state was saved."""
        if state["policy"]:
            self.policy.load_state_dict(state["policy"])
        self._sum = torch.full_like(self._sum, state["watched"]["sum"])
        self._steps = int(state["watched"]["steps"])
