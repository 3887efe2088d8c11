"""The console viewer: a live progress line on a terminal, plain lines in files, pipes and notebooks."""

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console as Terminal
from rich.console import ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import Progress, Run
from pixlate.util.output import say

from .loss_log import loss_line

SHARE = "share_"  # metrics that are shares of the generators' gradient
REDRAW = 0.2  # seconds between two updates of the live line
BAR_WIDTH = 24


class Console:
    """Prints the progress of a run: position, speed, losses, each epoch's mean losses, metrics and checkpoints."""

    def __init__(self, *, terminal: Terminal | None = None) -> None:
        self._terminal = terminal
        self._live: Live | None = None
        self._losses: Mapping[str, float] = {}
        self._next_redraw = 0.0
        self._epoch_started = 0.0

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Say where the training page is; start the live line, on a terminal that can move its cursor."""
        if run.options.get("html"):
            self._print(f"The training page is {run.folder / 'web' / 'index.html'}")
        self._epoch_started = time.monotonic()
        terminal = self._terminal or (Terminal() if is_live_terminal() else None)
        if terminal is not None and terminal.is_terminal and not terminal.is_dumb_terminal:
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
    def epoch_ended(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Print how long the epoch took, and its mean losses, which stay on the screen."""
        now = time.monotonic()
        seconds, self._epoch_started = now - self._epoch_started, now
        if self._live is not None:
            parts = [f"epoch {progress.epoch}/{run.n_epochs}", duration(seconds), *_values(losses)]
            self._live.console.print(Flow(parts, indent=2))
            return
        self._print(f"End of epoch {progress.epoch} / {run.n_epochs} \t Time Taken: {seconds:.0f} sec")
        values = " ".join(f"{name}: {value:.3f}" for name, value in losses.items())
        self._print(f"(epoch: {progress.epoch}, mean losses) {values}")

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Print the metrics."""
        position = f"(epoch: {progress.epoch}, iters: {progress.epoch_images})"
        shares = {name.removeprefix(SHARE): value for name, value in metrics.items() if name.startswith(SHARE)}
        if shares:
            self._print(f"{position} shares of the gradient: {' '.join(f'{n}: {v:.1%}' for n, v in shares.items())}")
        values = " ".join(f"{name}: {value:.4g}" for name, value in metrics.items() if not name.startswith(SHARE))
        if values:
            self._print(f"{position} metrics: {values}")

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
        # While there is a live line, rich redirects stdout and prints above the line. `say` flushes, so that a run can
        # be watched in the file or pipe to which its output goes.
        say(line)

    def _draw(self, run: Run, progress: Progress) -> None:
        if self._live is not None:
            self._live.update(ProgressLine(run, progress, self._losses), refresh=True)
            self._next_redraw = time.monotonic() + REDRAW


def is_live_terminal() -> bool:
    """Whether stdout is a terminal on which a line can be drawn again.

    A notebook runs `!pixlate train` on a pseudo-terminal, and appends each drawing to the cell's output.
    """
    in_notebook = "JPY_PARENT_PID" in os.environ or "inline" in os.environ.get("MPLBACKEND", "")
    return sys.stdout is not None and sys.stdout.isatty() and not in_notebook


class Flow:
    """Words in a line, and in further lines where the terminal is too narrow; a word is never divided.

    - indent: of the further lines, in columns.
    """

    def __init__(self, words: Iterable[str], *, indent: int = 0, style: str = "") -> None:
        self._words, self._indent, self._style = list(words), indent, style

    def __rich_console__(self, console: Terminal, options: ConsoleOptions) -> RenderResult:
        """The lines, for rich."""
        lines: list[str] = []
        for word in self._words:
            if lines and len(lines[-1]) + 2 + len(word) <= options.max_width:
                lines[-1] += f"  {word}"
            else:
                lines.append(" " * (self._indent if lines else 0) + word)
        for line in lines:
            yield Text(line, style=self._style, no_wrap=True, overflow="ellipsis")


class ProgressLine:
    """Epoch, progress bar, images of the epoch, images per second and remaining time; the last losses below.

    On a narrow terminal the bar is shorter, or left out.
    """

    def __init__(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        self._run, self._progress, self._losses = run, progress, losses

    def __rich_console__(self, console: Terminal, options: ConsoleOptions) -> RenderResult:
        """The lines, for rich."""
        run, progress, timing = self._run, self._progress, self._run.timing()
        words = [f"epoch {progress.epoch}/{run.n_epochs}", f"{progress.epoch_images:,}/{run.epoch_size:,}"]
        if timing.rate:
            words += [f"{timing.rate:.3g} images/s", f"{duration(timing.left)} left"]
        width = min(BAR_WIDTH, options.max_width - sum(len(word) + 2 for word in words))
        if width < BAR_WIDTH // 4:
            yield Flow(words)
        else:
            bar = ProgressBar(
                run.epoch_size, progress.epoch_images, width=width, complete_style="cyan", finished_style="cyan"
            )
            row = Table.grid(padding=(0, 2, 0, 0))
            row.add_row(Text(words[0], style="bold"), bar, *(Text(word, style="cyan") for word in words[1:]))
            yield row
        yield Flow(_values(self._losses), style="dim")


def duration(seconds: float) -> str:
    """Seconds as hours, minutes and seconds: "1:02:03"."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _values(losses: Mapping[str, float]) -> list[str]:
    return [f"{name} {value:.3f}" for name, value in losses.items()]
