"""The console viewer: a live progress line on a terminal, plain lines in files and pipes."""

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

REDRAW = 0.2  # seconds between two updates of the live line


class Console:
    """Prints the progress of a run: position, speed, losses, metrics and checkpoints."""

    def __init__(self, *, terminal: Terminal | None = None) -> None:
        self._terminal = terminal
        self._live: Live | None = None
        self._losses: Mapping[str, float] = {}
        self._next_redraw = 0.0
        self._epoch_started = 0.0

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Start the live line, on a terminal that can move its cursor."""
        self._epoch_started = time.monotonic()
        terminal = self._terminal = self._terminal or Terminal()
        if terminal.is_terminal and not terminal.is_dumb_terminal:
            # auto_refresh would redraw from a thread, also during steps, which it would slow down.
            self._live = Live(console=terminal, auto_refresh=False, transient=True)
            self._live.start()
            self._draw(run, run.start)

    @hookimpl
    def step_ended(self, run: Run, progress: Progress) -> None:
        """Update the live line, at most once in `REDRAW` seconds."""
        if self._live is not None and time.monotonic() >= self._next_redraw:
            self._draw(run, progress)

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Show the losses."""
        self._losses = losses
        if self._live is None:
            self._print(loss_line(progress, run.timing(), losses))
        else:
            self._draw(run, progress)

    @hookimpl
    def epoch_ended(self, run: Run, progress: Progress) -> None:
        """Print how long the epoch took."""
        now = time.monotonic()
        seconds, self._epoch_started = now - self._epoch_started, now
        self._print(f"End of epoch {progress.epoch} / {run.n_epochs} \t Time Taken: {seconds:.0f} sec")

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Print the metrics."""
        values = " ".join(f"{name}: {value:.4g}" for name, value in metrics.items())
        position = f"(epoch: {progress.epoch}, iters: {progress.epoch_images})"
        self._print(f"{position} metrics on held-out images: {values}")

    @hookimpl
    def checkpoint_saved(self, run: Run, progress: Progress, paths: Sequence[Path]) -> None:
        """Print that a checkpoint was saved, unless there is a live line."""
        if self._live is None:
            self._print(f"saved the model (total_iters {progress.images})")

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Remove the live line and restore the terminal's cursor."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, line: str) -> None:
        # While there is a live line, rich redirects stdout and prints above the line. Flushed, so that a run can be
        # watched in the file or pipe to which its output goes.
        print(line, flush=True)

    def _draw(self, run: Run, progress: Progress) -> None:
        if self._live is not None:
            self._live.update(progress_line(run, progress, self._losses), refresh=True)
            self._next_redraw = time.monotonic() + REDRAW


def progress_line(run: Run, progress: Progress, losses: Mapping[str, float]) -> RenderableType:
    """Epoch, progress bar, images of the epoch, images per second, remaining time; the losses in a second line."""
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
    """Seconds as hours, minutes and seconds: "1:02:03"."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
