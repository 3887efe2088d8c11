"""Every hook a plugin can implement, in the order in which a run calls them.

An implementation may take fewer arguments than its specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click
    from torch import Tensor

    from .registry import Register
    from .run import HealthWarning, Progress, Run, Sample

hookspec = pluggy.HookspecMarker("pixlate")
hookimpl = pluggy.HookimplMarker("pixlate")


@hookspec
def register_models(register: Register) -> None:
    """Register models: subclasses of `pixlate.models.BaseModel`. Called once, before any option is parsed."""


@hookspec
def register_datasets(register: Register) -> None:
    """Register data sets: subclasses of `pixlate.data.BaseDataset`."""


@hookspec
def register_networks(register: Register) -> None:
    """Register networks, each with `role="generator"` or `role="discriminator"`."""


@hookspec
def register_norms(register: Register) -> None:
    """Register normalisations: callables from a number of channels to a module."""


@hookspec
def register_losses(register: Register) -> None:
    """Register adversarial losses, the values of `--gan_mode`."""


@hookspec
def register_inits(register: Register) -> None:
    """Register initialisations: functions that fill a weight tensor in place, with a gain."""


@hookspec
def register_lr_policies(register: Register) -> None:
    """Register learning-rate policies: subclasses of `pixlate.models.lr_policies.Policy`."""


@hookspec
def register_optimizers(register: Register) -> None:
    """Register optimizers: callables `(params, *, lr, betas, weight_decay)`, such as the classes of torch.optim."""


@hookspec
def register_readers(register: Register) -> None:
    """Register readers of image files: subclasses of `pixlate.data.Reader`."""


@hookspec
def register_writers(register: Register) -> None:
    """Register writers of image files: subclasses of `pixlate.data.Writer`, for results of more than 8 bits."""


@hookspec
def register_metrics(register: Register) -> None:
    """Register metrics: subclasses of `pixlate.metrics.Metric`, the values of `--metric`."""


@hookspec
def register_viewers(register: Register) -> None:
    """Register viewers: classes constructed once per run, whose methods marked `hookimpl` are event hooks."""


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add commands to `pixlate`. Called when the command line is read."""


@hookspec
def command_options(command: str) -> Sequence[click.Option]:  # type: ignore[empty-body]
    """Return options for "train" or "test", shown under the plugin's name. Called when the parser is built."""


@hookspec
def run_started(run: Run) -> None:
    """Called when model and data have been built, before the first step; in a test before the first batch."""


@hookspec
def step_started(run: Run, progress: Progress) -> None:
    """Called before every training step, with the position before it; must be quick."""


@hookspec
def step_ended(run: Run, progress: Progress) -> None:
    """Called after every training step; must be quick."""


@hookspec
def losses_logged(run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
    """Called every `--print_freq` images with the losses of the step just taken."""


@hookspec
def images_shown(run: Run, progress: Progress, images: Mapping[str, Tensor]) -> None:
    """Called every `--display_freq` images with the step's images: N×C×H×W in [-1, 1], detached."""


@hookspec
def samples_shown(run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
    """Called at every display and at the end with translated held-out images, which are not trained on."""


@hookspec
def epoch_ended(run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
    """Called after the last step of every epoch, with the mean losses of its steps (in a resumed run: of the rest)."""


@hookspec
def metrics_measured(run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
    """Called with the metrics that a plugin gave to `run.report`."""


@hookspec
def health_checked(run: Run, progress: Progress, warnings: Sequence[HealthWarning]) -> None:
    """Called after each check of the training's health, with its warnings, which may be none."""


@hookspec
def checkpoint_saved(run: Run, progress: Progress, paths: Sequence[Path]) -> None:
    """Called when a checkpoint has been written completely; `paths` are its files."""


@hookspec
def translated(run: Run, batch: Mapping[str, Any], images: Mapping[str, Tensor]) -> None:
    """Called in a test after every batch, with its images: N×C×H×W in [-1, 1], by label."""


@hookspec
def run_finished(run: Run, error: BaseException | None) -> None:
    """Called last, however the run ended: `error` is None or the exception that ended it, Ctrl-C included."""
