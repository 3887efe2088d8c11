"""Validation during a training: metrics of held-out images, the best checkpoint, and when to stop."""

import json
import logging
import math
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from pixlate.data.base import BaseDataset
from pixlate.data.batches import fetch
from pixlate.errors import DataError, OptionError
from pixlate.metrics.base import MetricContext
from pixlate.models.base import BaseModel
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.shared import ValidationOptions
from pixlate.plugins.component import Component
from pixlate.plugins.field import Field, directed
from pixlate.plugins.manager import Plugins
from pixlate.plugins.run import Progress
from pixlate.util.text import counted

from .held_out import held_out_dataset
from .measuring import Measurement, metric_class
from .overview import VALIDATION, measured_before
from .run import Run

log = logging.getLogger(__name__)

BEST = "best"  # the tag of the best checkpoint


class Validation:
    """Every `--val_freq` epochs, the metrics of at most `--val_images` held-out images, see `held_out_dataset`.

    The first metric, or `--best_metric`, chooses the checkpoint "best"; with `--early_stop N` the run ends after N
    validations that were not better. What was measured is in validation.jsonl, so that a resumed run goes on with it.
    Raises OptionError where there are no such images, and for metrics that do not fit the data.
    """

    def __init__(
        self,
        resolved: ResolvedOptions,
        plugins: Plugins,
        training_set: BaseDataset[Any],
        model: BaseModel[Any],
        readers: Iterable[Component],
    ) -> None:
        self.options = resolved.options(ValidationOptions)
        if not self.options.val_freq:
            return
        found = held_out_dataset(resolved, training_set, readers)
        if found is None:
            raise OptionError(
                "--val_freq needs images that are not trained on, and the data has no phase val or test: "
                "--val_fraction 0.1 holds out a part of the training images."
            )
        phase, self._dataset = found
        self._dataset.use_value_ranges(training_set.value_ranges)
        count = min(len(self._dataset), self.options.val_images)
        step = len(self._dataset) // count
        self._indices = range(0, count * step, step)
        fields = directed(training_set.fields, training_set.shared.direction)
        field, given = fields.get("B", Field()), fields.get("A", Field())
        self._context = MetricContext(field, model.device, seed=model.shared.seed, input_field=given)
        paired = self._dataset.paired
        self._kinds = {name: metric_class(plugins, name, field, paired=paired) for name in self._names()}
        for name, kind in self._kinds.items():
            if count < kind.min_images:
                raise OptionError(
                    f"the metric '{name}' needs {kind.min_images} held-out images or more, and there "
                    f"{'is' if count == 1 else 'are'} {count}: use more of them, or another --metric."
                )
        direction = training_set.shared.direction
        self._new_measurement = partial(
            Measurement, plugins, self._kinds, self._context, paired=paired, direction=direction
        )
        self._best_by = self.options.best_metric or next(iter(self._kinds))
        if self._best_by not in self._kinds:
            raise OptionError(f"--best_metric {self._best_by} is none of the metrics: {', '.join(self._kinds)}.")
        self._new_measurement()  # raises an error now rather than after the first epochs
        images = counted(count, "image")
        log.info(f"Validating on {images} of the phase '{phase}': {', '.join(self._kinds)}; best by {self._best_by}.")

    def is_due(self, epoch: int, last: int) -> bool:
        """Whether to validate after an epoch; the last one always is."""
        return bool(self.options.val_freq) and (epoch % self.options.val_freq == 0 or epoch == last)

    def count(self, first: int, last: int) -> int:
        """How many validations there are from one epoch to another, the last of the run."""
        if not self.options.val_freq:
            return 0
        return last // self.options.val_freq - (first - 1) // self.options.val_freq + bool(last % self.options.val_freq)

    def seconds(self, model: BaseModel[Any]) -> float:
        """About how long a validation takes, from the second of two images: the first is slower."""
        if not self.options.val_freq:
            return 0.0
        measurement, taken = self._new_measurement(), 0.0
        for index in self._indices[:2]:
            start_time = time.monotonic()
            batch, _ = fetch(self._dataset, [(1, index)])
            measurement.add(batch, model.translate(batch))
            taken = time.monotonic() - start_time
        return taken * len(self._indices)

    def run(self, run: Run, progress: Progress) -> None:
        """Measure, report to the viewers, and ask for the best checkpoint or the end of the run."""
        try:
            measured = self.measure(run.model)
        except DataError as error:  # outputs that a metric does not take, say: nothing is learnt from it
            log.warning(f"{error} The validation after epoch {progress.epoch} is left out.")
            return
        run.report({f"val_{name}": value for name, value in measured.items()})
        record = run.open_log(VALIDATION)
        history = [values[self._best_by] for values in measured_before(record.path) if self._best_by in values]
        history.append(measured[self._best_by])
        best = self._best_of(history)
        is_best = best == len(history) - 1
        position = {"epoch": progress.epoch, "images": progress.images}
        record.write(json.dumps({**position, "metrics": measured, "best": is_best}))
        if is_best:
            run.save(BEST)
        since = len(history) - 1 - best if best is not None else 0
        if self.options.early_stop and since >= self.options.early_stop:
            run.stop(f"{self._best_by} has not become better in {counted(since, 'validation')}; see checkpoint 'best'")

    def measure(self, model: BaseModel[Any]) -> dict[str, float]:
        """The metrics of the model as it is now. Changes no state of the model, and no random generator."""
        measurement = self._new_measurement()
        for index in self._indices:
            batch, _ = fetch(self._dataset, [(1, index)])
            measurement.add(batch, model.translate(batch))
        return {name: measured.value for name, measured in measurement.results().items()}

    def _best_of(self, values: list[float]) -> int | None:
        """The position of the first best value; None where none is a number."""
        sign = 1 if self._kinds[self._best_by].higher_is_better else -1
        numbers = [(sign * value, -position) for position, value in enumerate(values) if math.isfinite(value)]
        return -max(numbers)[1] if numbers else None

    def _names(self) -> tuple[str, ...]:
        if self.options.metric:
            return self.options.metric
        if self._context.field.kind == "labels":
            return ("miou",)
        if self._dataset.paired:
            return ("l1",)
        raise OptionError("--val_freq of unpaired data needs a metric of sets: --metric fd_efflite0, say.")
