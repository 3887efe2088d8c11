"""The console: a live line of progress on a terminal, plain lines everywhere else."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console as Terminal
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import Progress, Run

from .loss_log import loss_line

PAUSE = 0.2  # seconds between two drawings of the live line


class Console:
    """Shows how a run is getting on."""

    def __init__(self, config: object = None, *, terminal: Terminal | None = None) -> None:
        self._terminal = terminal
        self._live: Live | None = None
        self._losses: Mapping[str, float] = {}
        self._next = 0.0
        self._epoch_began = 0.0

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Start the live line, on a terminal that can move its cursor."""
        self._epoch_began = time.monotonic()
        terminal = self._terminal = self._terminal or Terminal()
        if terminal.is_terminal and not terminal.is_dumb_terminal:
            self._live = Live(console=terminal, auto_refresh=False, transient=True)
            self._live.start()
            self._draw(run, run.start)

    @hookimpl
    def step_ended(self, run: Run, progress: Progress) -> None:
        """Draw the live line again, when the last drawing is a moment ago."""
        if self._live is not None and time.monotonic() >= self._next:
            self._draw(run, progress)

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Show the losses."""
        self._losses = losses
        if self._live is None:
            self._say(loss_line(progress, run.timing(), losses))
        else:
            self._draw(run, progress)

    @hookimpl
    def epoch_ended(self, run: Run, progress: Progress) -> None:
        """Say how long the epoch took."""
        now = time.monotonic()
        seconds, self._epoch_began = now - self._epoch_began, now
        self._say(f"End of epoch {progress.epoch} / {run.n_epochs} \t Time Taken: {seconds:.0f} sec")

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Show what was measured."""
        values = " ".join(f"{name}: {value:.4g}" for name, value in metrics.items())
        where = f"(epoch: {progress.epoch}, iters: {progress.epoch_images})"
        self._say(f"{where} measured on images not trained on: {values}")

    @hookimpl
    def checkpoint_saved(self, run: Run, progress: Progress, paths: Sequence[Path]) -> None:
        """Say that work is safe up to here."""
        if self._live is None:
            self._say(f"saved the model (total_iters {progress.images})")

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _say(self, line: str) -> None:
        print(line, flush=True)  # above the live line, which takes over standard output while it is shown

    def _draw(self, run: Run, progress: Progress) -> None:
        if self._live is not None:
            self._live.update(progress_line(run, progress, self._losses), refresh=True)
            self._next = time.monotonic() + PAUSE


def progress_line(run: Run, progress: Progress, losses: Mapping[str, float]) -> RenderableType:
    """Epoch, iteration, images per second and time left beside a bar; below them the losses."""
    timing = run.timing()
    row = Table.grid(padding=(0, 2), expand=False)
    for _ in range(5):
        row.add_column(no_wrap=True)
    row.add_row(
        Text(f"epoch {progress.epoch}/{run.n_epochs}", style="bold"),
        ProgressBar(run.epoch_size, progress.epoch_images, width=24, complete_style="cyan", finished_style="cyan"),
        f"{progress.epoch_images:,}/{run.epoch_size:,}",
        Text(f"{timing.rate:.3g} images/s" if timing.rate else "", style="cyan"),
        Text(f"{duration(timing.left)} left" if timing.rate else "", style="green"),
    )
    values = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
    return Group(row, Text(values, style="dim", no_wrap=True, overflow="ellipsis")) if values else row


def duration(seconds: float) -> str:
    """A time as hours, minutes and seconds: "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
