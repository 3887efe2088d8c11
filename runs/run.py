"""The run that hooks receive: its name, folder, options, model and logs, its progress and its speed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pixlate.errors import OptionError
from pixlate.models.base import BaseModel
from pixlate.options.fields import is_tag
from pixlate.plugins.field import Field
from pixlate.plugins.run import Progress, Timing
from pixlate.util.text import shown

from .clock import Clock
from .logs import RunLog, RunLogs

RESERVED_TAGS = ("latest", "previous", "damaged")  # whose files have a meaning of their own


def _no_events(hook: str, **arguments: Any) -> None:
    """Calls nothing."""


class Run:
    """A training in progress; implements the protocol `pixlate.plugins.run.Run`.

    - name, folder: `checkpoints/<name>`.
    - options: every resolved option by name.
    - model: the model, built and restored.
    - logs: the logs of the folder.
    - n_epochs: the number of the last epoch; epoch_size: images in an epoch.
    - n_images: those of the whole run, where it ends within an epoch; 0 where it ends with the last epoch.
    - data: what the data set consists of, on one line.
    - events: calls the hooks of viewers and plugins.
    - start: the position at which this process started; its `images` is 0 in a new run.
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
        n_images: int = 0,
        data: str = "",
        events: Callable[..., None] = _no_events,
    ) -> None:
        self.name = name
        self.folder = folder
        self.options = options
        self.model = model
        self.logs = logs
        self.start = self.progress = start
        self.n_epochs, self.n_images = n_epochs, n_images
        self.epoch_size = epoch_size
        self.data = data
        self.stop_reason = ""  # why a plugin ends the run
        self.requested_tags: dict[str, None] = {}  # under which plugins save the next state, in order
        self._events = events
        self.clock = Clock(start, 0)
        self.set_length(n_epochs, n_images)

    def set_length(self, n_epochs: int, n_images: int = 0) -> None:
        """Set where the run ends."""
        self.n_epochs, self.n_images = n_epochs, n_images
        remaining = (n_epochs - self.start.epoch + 1) * self.epoch_size - self.start.epoch_images
        self.clock.total_images = n_images or self.start.images + remaining

    @property
    def is_complete(self) -> bool:
        """Whether a run of a number of images has trained them."""
        return 0 < self.n_images <= self.progress.images

    def open_log(self, filename: str) -> RunLog:
        """An append-only log in the run's folder, truncated on resume to its length in the saved state.

        Its `write` raises nothing: lines that cannot be written yet are kept in memory, with a warning.
        """
        return self.logs.open(filename)

    def claim_file(self, filename: str) -> Path:
        """The path of a file in the run's folder that is about to be written, which is recorded as the run's.

        - filename: relative to the run's folder, with "/" between names: "web/index.html".

        Raises DataError where the file exists and was not written by pixlate.
        """
        self.logs.files.claim(filename)
        return self.folder / filename

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of the data, with A as the input."""
        return self.model.context.fields or {}

    def timing(self, *, restart: bool = False) -> Timing:
        """The speed since the losses were last logged; `restart` starts the next measurement."""
        return self.clock.read(self.progress, restart=restart)

    def stop(self, reason: str) -> None:
        """End the run after this step: everything is saved, and the command succeeds. The first reason counts."""
        self.stop_reason = self.stop_reason or str(reason) or "a plugin stopped it"

    def save(self, tag: str) -> None:
        """Save the weights and the state under a tag, after this step. Raises OptionError for what is no tag."""
        if not is_tag(str(tag)) or tag in RESERVED_TAGS:
            raise OptionError(f"run.save: {shown(tag)!r} cannot be the tag of a checkpoint: use 'best', say.")
        self.requested_tags[str(tag)] = None

    def report(self, metrics: Mapping[str, float]) -> None:
        """Call the hook `metrics_measured` of every viewer and plugin."""
        values = {str(name): float(value) for name, value in metrics.items()}
        self._events("metrics_measured", run=self, progress=self.progress, metrics=values)
