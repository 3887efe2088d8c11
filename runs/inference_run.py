"""The run that hooks receive during a test."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from pixlate.errors import OptionError
from pixlate.models.base import BaseModel
from pixlate.plugins.field import Field
from pixlate.plugins.run import Progress, Timing

from .logs import RunLog, RunLogs
from .results.gallery import Gallery


class InferenceRun:
    """A test in progress; implements the protocol `pixlate.plugins.run.Run`, with the folder of its results.

    - events: calls the hooks of plugins. `run_started` is called when the first batch has been translated: only then
      are the results of an earlier test replaced.
    - epoch_size: the number of inputs.
    """

    command = "test"
    n_epochs = 1

    def __init__(
        self,
        name: str,
        gallery: Gallery,
        options: Mapping[str, Any],
        *,
        model: BaseModel[Any],
        epoch_size: int,
        data: str,
        events: Callable[..., None],
    ) -> None:
        self.name, self.folder, self.options, self.model = name, gallery.page.parent, options, model
        self.epoch_size, self.data = epoch_size, data
        self.start = self.progress = Progress()
        self.stop_reason = ""
        self._gallery, self._events = gallery, events
        self._logs = RunLogs(self.folder, {}, files=gallery.files)
        self._started = False

    def translated(self, batch: Mapping[str, Any], images: Mapping[str, Tensor]) -> None:
        """Call the hook `translated`, and before the first batch `run_started`."""
        if not self._started:
            self._started = True
            self._gallery.remove_earlier()
            self._events("run_started", run=self)
        self.progress = self.progress.after(len(batch["A"]), stepped=False)
        self._events("translated", run=self, batch=batch, images=images)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """When this block ends, normally or not, `run_finished` is called and the logs are closed."""
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            if self._started:
                self._events("run_finished", run=self, error=error)
            self._logs.close()

    def open_log(self, filename: str) -> RunLog:
        """A text log in the folder of the results, empty at first."""
        return self._logs.open(filename)

    def claim_file(self, filename: str) -> Path:
        """The path of a file in the folder of the results that is about to be written. Raises DataError."""
        self._logs.files.claim(filename)
        return self.folder / filename

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of the data, with A as the input."""
        return self.model.context.fields or {}

    def timing(self) -> Timing:
        """Nothing is measured."""
        return Timing()

    def stop(self, reason: str) -> None:
        """End the test after this batch. The first reason counts."""
        self.stop_reason = self.stop_reason or str(reason) or "a plugin stopped it"

    def save(self, tag: str) -> None:
        """Raises OptionError: nothing is trained."""
        raise OptionError("run.save: a test has nothing to save.")

    def report(self, metrics: Mapping[str, float]) -> None:
        """Call the hook `metrics_measured`, and show the metrics on the page."""
        values = {str(name): float(value) for name, value in metrics.items()}
        self._gallery.content.show_metrics(values)
        self._events("metrics_measured", run=self, progress=self.progress, metrics=values)
