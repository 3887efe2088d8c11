"""Watches a training, and says in plain words what goes wrong."""

import json
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from torch import Tensor

from pixlate.errors import DataError
from pixlate.plugins.field import Field
from pixlate.plugins.run import Progress, Sample
from pixlate.util.foreign import foreign
from pixlate.util.text import one_line

from .events import Events
from .health import statistics
from .health.rules import MEMORY, Statistics, warnings_of
from .overview import LOSSES, read_records
from .run import Run

log = logging.getLogger(__name__)

FILE = "health.jsonl"  # in the run's folder: a line for each check
RECONSTRUCTED = 2  # samples whose reconstruction is repeated with noise

Measure = Callable[[], float | None]


class HealthMonitor:
    """Measures at each display, writes the statistics to health.jsonl, and logs each warning when it appears.

    It goes on with the log of earlier sessions, which is cut back on resume as every log. What cannot be measured is
    said once, and left out. A training is the same with it and without it.

    - paired: whether samples have their ground truth.
    """

    def __init__(self, run: Run, events: Events, *, paired: bool) -> None:
        self._run, self._events, self._paired = run, events, paired
        self._log = run.open_log(FILE)
        checks = _numbers(read_records(self._log.path), "statistics")
        self._history: deque[Statistics] = deque((values for _, values in checks), maxlen=MEMORY)
        self._kinds = {warning.kind for warning in warnings_of(list(self._history))}
        checked = checks[-1][0] if checks else 0
        logged = _numbers(read_records(run.folder / LOSSES), "losses")
        self._losses = [values for images, values in logged if checked < images <= run.start.images]
        self._left_out: set[str] = set()

    def losses_logged(self, losses: Mapping[str, float]) -> None:
        """Remember the losses of a step until the next check."""
        self._losses.append(dict(losses))

    def check(self, progress: Progress, images: Mapping[str, Tensor], samples: Sequence[Sample]) -> None:
        """Measure, write, warn, and call the hook `health_checked`.

        - images: of the step, by label; samples: held-out ones, in their place where there are some.
        """
        shown = [sample.images for sample in samples] or [{name: each.float().cpu() for name, each in images.items()}]
        measured = self._measured(shown)
        found = {name: round(value, 6) for name, value in measured if value is not None and math.isfinite(value)}
        self._losses.clear()
        self._history.append(found)
        warnings = warnings_of(list(self._history))
        for warning in warnings:
            if warning.kind not in self._kinds:
                log.warning(f"{warning.text} {warning.advice}")
        self._kinds = {warning.kind for warning in warnings}
        position = {"epoch": progress.epoch, "images": progress.images}
        self._log.write(json.dumps({**position, "statistics": found, "warnings": sorted(self._kinds)}))
        self._events("health_checked", run=self._run, progress=progress, warnings=warnings)

    def _measured(self, samples: Sequence[Mapping[str, Tensor]]) -> Iterator[tuple[str, float | None]]:
        for name, measure in self._measures(samples).items():
            if name in self._left_out:
                continue
            try:
                yield name, measure()
            except Exception as error:  # the model and its images may be a plugin's
                self._left_out.add(name)
                log.warning(f"The health of the training is not checked for '{name}': {one_line(error)}.")

    def _measures(self, samples: Sequence[Mapping[str, Tensor]]) -> dict[str, Measure]:
        """How each statistic that makes sense for the fields of this run is measured."""
        model, paired = self._run.model, self._paired
        given, output = (self._run.fields.get(name, Field()) for name in ("A", "B"))
        gan_mode = str(self._run.options.get("gan_mode", ""))
        optimizers = model.optimizers.values()
        measures: dict[str, Measure] = {
            "nonfinite": lambda: statistics.nonfinite_share(samples),
            "d_loss": lambda: statistics.discriminator_loss(self._losses, gan_mode),
            "gradient": lambda: statistics.gradient_size(optimizers),
            "variety": lambda: statistics.variety(samples),
        }
        if output.kind == "image":
            measures["colour_gap"] = lambda: statistics.colour_gap(samples)
            measures["checkerboard"] = lambda: statistics.checkerboard(samples)
        if output.kind == "image" and (paired or given.kind == "image"):
            measures["brightness"] = lambda: statistics.brightness_correlation(samples, paired=paired)
        if given.kind == output.kind == "image":
            measures["translated"] = lambda: statistics.translated_share(samples, paired=paired)
            measures["hidden_signal"] = lambda: statistics.hidden_signal(model, samples[:RECONSTRUCTED])
        return measures


def _numbers(records: Iterable[Mapping[str, Any]], key: str) -> list[tuple[int, dict[str, float]]]:
    """The images seen and the values under a key, of each record of a log; damaged ones are left out."""
    found = []
    for record in records:
        with suppress(DataError), foreign(DataError):
            values = {str(name): float(value) for name, value in record[key].items()}
            found.append((int(record["images"]), values))
    return found
