"""A run as its listeners see it: its name, its folder, its options, its logs and its clock."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixlate.plugins.run import Progress, Timing

from .clock import Clock
from .logs import RunLog

if TYPE_CHECKING:
    from pixlate.models.base import BaseModel


class Run:
    """One training or test, while it is under way.

    - name, folder: `checkpoints/<name>`.
    - command: "train" or "test".
    - options: every resolved option by name.
    - model: the model, once it is built.
    - n_epochs: the number of the last epoch; epoch_size: images in an epoch.
    - start: where this process began; its `images` is 0 in a new run.
    - at: the position after the last step.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        command: str,
        options: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.folder = folder
        self.command = command
        self.options = options
        self.model: BaseModel[Any] | None = None
        self.n_epochs = 0
        self.epoch_size = 0
        self.start = Progress()
        self.clock = Clock(0)
        self.progress = Progress()
        self._logs: dict[str, RunLog] = {}
        self._known_sizes: Mapping[str, int] | None = None

    def begin(self, start: Progress, *, n_epochs: int, epoch_size: int, total_images: int) -> None:
        """Set where the run starts and how long it will be."""
        self.start = self.progress = start
        self.n_epochs, self.epoch_size = n_epochs, epoch_size
        self.clock = Clock(total_images)
        self.clock.start(start)

    def cut_logs(self, sizes: Mapping[str, int]) -> None:
        """Tell the logs, before they are opened, how much of them the restored state had seen: nothing if unnamed."""
        self._known_sizes = dict(sizes)

    def open_log(self, filename: str) -> RunLog:
        """An append-only log in the run's folder, cut back on resume to what the saved state had seen.

        Its `write` never fails: lines that the disk refuses wait in memory, and the run says so.
        """
        if filename not in self._logs:
            size = None if self._known_sizes is None else self._known_sizes.get(filename, 0)
            self._logs[filename] = RunLog(self.folder / filename, size)
        return self._logs[filename]

    def log_sizes(self) -> dict[str, int]:
        """How long each log is, in bytes, those of earlier sessions included, with all lines written.

        Raises DataError when lines still cannot be written.
        """
        for log in self._logs.values():
            log.flush()
        return {**(self._known_sizes or {}), **{name: log.size for name, log in self._logs.items()}}

    def sync_logs(self) -> None:
        """Wait until the logs are on the disk; from any thread. Raises DataError where they cannot be."""
        for log in list(self._logs.values()):
            log.sync()

    def moved(self, progress: Progress) -> None:
        """Take note of the position."""
        self.progress = progress

    def timing(self, *, restart: bool = False) -> Timing:
        """The speed since the last log line."""
        return self.clock.read(self.progress, restart=restart)

    def close(self) -> None:
        """Close the logs."""
        for log in self._logs.values():
            log.close()
