"""A run as hooks and viewers see it: its name, folder, options, model and logs, its progress and its speed."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixlate.models.base import BaseModel
from pixlate.plugins.run import Progress, Timing

from .logs import RunLog, RunLogs


class Run:
    """One training while it is under way; the `pixlate.plugins.run.Run` of its hooks.

    - name, folder: `checkpoints/<name>`.
    - options: every resolved option by name.
    - model: the model, built and restored.
    - logs: the logs of the folder.
    - n_epochs: the number of the last epoch; epoch_size: images in an epoch.
    - start: where this process began; its `images` is 0 in a new run.
    - progress: the position after the last step.
    """

    command = "train"

    def __init__(
        self,
        name: str,
        folder: Path,
        options: Mapping[str, Any],
        *,
        model: BaseModel[Any],
        logs: RunLogs,
        start: Progress,
        n_epochs: int,
        epoch_size: int,
    ) -> None:
        self.name = name
        self.folder = folder
        self.options = options
        self.model = model
        self.logs = logs
        self.start = self.progress = start
        self.n_epochs = n_epochs
        self.epoch_size = epoch_size
        remaining = (n_epochs - start.epoch + 1) * epoch_size - start.epoch_images
        self.clock = Clock(start, start.images + remaining)

    def open_log(self, filename: str) -> RunLog:
        """An append-only log in the run's folder, cut back on resume to its length in the saved state.

        Its `write` never fails: lines that the disk refuses are kept in memory, with a warning.
        """
        return self.logs.open(filename)

    def timing(self, *, restart: bool = False) -> Timing:
        """The speed since the last logged losses; `restart` measures the next from now on."""
        return self.clock.read(self.progress, restart=restart)


class Clock:
    """Measures how fast a run is: images per second, the share of waiting for data, and the time left.

    - start: the position at which the process begins.
    - total_images: the images seen at the end of the run.
    """

    def __init__(self, start: Progress, total_images: int) -> None:
        self.total_images = total_images
        self._waited = 0.0
        self._rate = 0.0
        self._mark = (time.monotonic(), start.images, self._waited)

    def add_wait(self, seconds: float) -> None:
        """Add time that a step spent waiting for its batch."""
        self._waited += seconds

    def read(self, progress: Progress, *, restart: bool = False) -> Timing:
        """The figures since the mark; `restart` sets a new mark."""
        since, images, waited = self._mark
        seconds, seen = time.monotonic() - since, progress.images - images
        if seen <= 0 or seconds <= 0:
            return Timing(rate=self._rate)
        data = (self._waited - waited) / seen
        rate = seen / seconds
        if not self._rate:
            self._rate = rate
        elif restart:
            self._rate = 0.7 * self._rate + 0.3 * rate  # smoothed, so that the time left does not jump
        if restart:
            self._mark = (time.monotonic(), progress.images, self._waited)
        left = max(0, self.total_images - progress.images) / self._rate
        return Timing(max(0.0, seconds / seen - data), data, rate, left)
