"""A run as hooks and viewers see it: `Run`, its `Progress`, its `Timing`, and held-out `Sample`s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


@dataclass(frozen=True)
class Progress:
    """A position in a run.

    - epoch: the epoch under way, from 1.
    - epoch_images: images seen in this epoch.
    - images: images seen in the run, all its sessions together.
    - step: optimizer steps taken.
    """

    epoch: int = 1
    epoch_images: int = 0
    images: int = 0
    step: int = 0

    def after(self, images: int, *, stepped: bool = True) -> Progress:
        """The position after a batch of so many images."""
        return Progress(self.epoch, self.epoch_images + images, self.images + images, self.step + (1 if stepped else 0))

    def next_epoch(self) -> Progress:
        """The position at the start of the next epoch."""
        return replace(self, epoch=self.epoch + 1, epoch_images=0)

    def crossed(self, frequency: int, before: Progress) -> bool:
        """Whether a multiple of `frequency` images was reached since `before`."""
        return self.images // frequency != before.images // frequency


@dataclass(frozen=True)
class Sample:
    """A held-out image, translated: `images` are 1×C×H×W in [-1, 1] on the CPU, by name."""

    phase: str
    name: str
    images: Mapping[str, Tensor]


@dataclass(frozen=True)
class Timing:
    """Seconds per image computing and waiting for data, images per second, and seconds left."""

    compute: float = 0.0
    data: float = 0.0
    rate: float = 0.0
    left: float = 0.0


class RunLog(Protocol):
    """An append-only text log in the run's folder, saved with the run and cut back to its state on resume."""

    def write(self, line: str) -> None:
        """Append one line. Never fails: lines that the disk refuses wait in memory, and the run says so."""


class RunModel(Protocol):
    """The part of a model that hooks may rely on."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The bare networks by name."""

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """The optimizers by name."""

    def translate(self, batch: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """The images that a test shows for a batch; changes no state, no buffer and no random generator."""


class Run(Protocol):
    """A run as hooks and viewers see it.

    - name, folder: `checkpoints/<name>`; command: "train" or "test".
    - options: every resolved option by name.
    - model: the model.
    - n_epochs: the number of the last epoch; epoch_size: images in an epoch.
    - start: where this process began (its `images` is 0 in a new run); progress: the position after the last step.
    """

    @property
    def name(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    @property
    def command(self) -> str: ...
    @property
    def options(self) -> Mapping[str, Any]: ...
    @property
    def model(self) -> RunModel: ...
    @property
    def n_epochs(self) -> int: ...
    @property
    def epoch_size(self) -> int: ...
    @property
    def start(self) -> Progress: ...
    @property
    def progress(self) -> Progress: ...

    def open_log(self, filename: str) -> RunLog:
        """A text log in the run's folder; the same object each time for one name."""

    def timing(self) -> Timing:
        """The speed since the last logged losses."""
