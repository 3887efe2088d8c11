"""The types that hooks receive: `Run`, its `Progress` and `Timing`, held-out `Sample`s, and `HealthWarning`s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from .field import Field


@dataclass(frozen=True)
class Progress:
    """A position in a run.

    - epoch: the current epoch, from 1.
    - epoch_images: images seen in this epoch.
    - images: images seen in the run, in all its sessions.
    - step: optimizer steps taken in the run.
    """

    epoch: int = 1
    epoch_images: int = 0
    images: int = 0
    step: int = 0

    def after(self, images: int, *, stepped: bool = True) -> Progress:
        """The position after a batch of `images` images; `stepped` is False where the optimizers took no step."""
        return Progress(self.epoch, self.epoch_images + images, self.images + images, self.step + (1 if stepped else 0))

    def next_epoch(self) -> Progress:
        """The position at the start of the next epoch."""
        return replace(self, epoch=self.epoch + 1, epoch_images=0)

    def crossed(self, frequency: int, before: Progress) -> bool:
        """Whether a multiple of `frequency` images was reached after the position `before`."""
        return self.images // frequency != before.images // frequency


@dataclass(frozen=True)
class Sample:
    """A translated held-out sample.

    - phase: of the data, "val" or "test", or "preview" for an image of `--preview`.
    - name: of the input file, without its suffix.
    - images: float32, 1×C×H×W in [-1, 1], on the CPU, by label.
    """

    phase: str
    name: str
    images: Mapping[str, Tensor]


@dataclass(frozen=True)
class HealthWarning:
    """A sign that a training goes wrong.

    - kind: its name for programs: "collapse".
    - text: a sentence, what was measured; advice: another one, which option to change.
    """

    kind: str
    text: str
    advice: str


@dataclass(frozen=True)
class Timing:
    """The speed of a run.

    - compute, data: seconds per image spent computing and waiting for data.
    - rate: images per second; 0 before any is measured.
    - left: seconds until the end of the run.
    """

    compute: float = 0.0
    data: float = 0.0
    rate: float = 0.0
    left: float = 0.0


class RunLog(Protocol):
    """An append-only text log in the run's folder, truncated on resume to its length in the resumed state."""

    def write(self, line: str) -> None:
        """Append one line. Raises nothing: lines that cannot be written yet are kept in memory, with a warning."""


class RunModel(Protocol):
    """The part of a model that hooks may rely on."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """The bare networks by name."""

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """The optimizers by name."""

    @property
    def execution(self) -> object:
        """How the networks are executed; its text names device and precision: "the CPU in bfloat16, 2 threads"."""

    def translate(self, batch: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """The images that a test shows for a batch, by label; changes no state, no buffer and no random generator."""


class Run(Protocol):
    """The run that hooks receive.

    - name; folder: `checkpoints/<name>`, and in a test the folder of its results; command: "train" or "test".
    - options: every resolved option by name.
    - model: the model.
    - n_epochs: the number of the last epoch (with `--minutes`, at first an estimate), 1 in a test.
    - epoch_size: images in an epoch, or in the test.
    - fields: of the data, by name, with A as the input; empty where the data set declares none.
    - data: what the data set consists of, on one line: "12 pairs, side by side in 'facades/train'".
    - start: the position at which this process started (its `images` is 0 in a new run).
    - progress: the position after the last step.
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
    def data(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, Field]: ...
    @property
    def start(self) -> Progress: ...
    @property
    def progress(self) -> Progress: ...

    def open_log(self, filename: str) -> RunLog:
        """A text log in the run's folder; the same object each time for one name."""

    def claim_file(self, filename: str) -> Path:
        """The path of a file in the run's folder that is about to be written, which is recorded as the run's.

        `--overwrite` removes the recorded files. Raises DataError where the file exists and was not written by pixlate.
        """

    def timing(self) -> Timing:
        """The speed since the losses were last logged."""

    def stop(self, reason: str) -> None:
        """End the run after this step, as if it were finished: everything is saved, and the command succeeds.

        `--continue_train` trains on. A test ends after this batch.
        """

    def save(self, tag: str) -> None:
        """Save the weights and the training state under a tag such as "best", in place of those of that tag.

        They are those after the current step; after the last step of an epoch, those at the start of the next one.
        `pixlate test --epoch best` uses them, and `--continue_train --epoch best` goes back to them. Raises OptionError
        for what is no tag, and in a test.
        """

    def report(self, metrics: Mapping[str, float]) -> None:
        """Show metrics in every viewer: calls the hook `metrics_measured`."""
