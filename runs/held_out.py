"""Held-out samples: a few images that are not trained on, translated during a training to show its progress."""

import logging
from pathlib import Path
from typing import Any

from torch import Tensor

from pixlate.data.base import BaseDataset
from pixlate.data.create import make_dataset
from pixlate.errors import DataError, PixlateError
from pixlate.models.base import BaseModel
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins.run import Sample

log = logging.getLogger(__name__)

PHASES = ("val", "test")  # in the order of preference
COUNT = 4  # samples


class HeldOutSamples:
    """Samples of the validation phase, or of the test phase where there is none, spread over the data set.

    - training_set: a phase that shares a file with it is not used, because it is not held out.
    """

    def __init__(self, resolved: ResolvedOptions, training_set: BaseDataset[Any]) -> None:
        self.phase = ""
        self._dataset: BaseDataset[Any] | None = None
        self._unreadable: set[int] = set()  # indices of samples that were warned about
        training_files = set(training_set.files())
        for phase in PHASES:
            dataset = _dataset_of(resolved, phase)
            if dataset is not None and training_files.isdisjoint(dataset.files()):
                dataset.use_value_ranges(training_set.value_ranges)
                self.phase, self._dataset = phase, dataset
                return

    def translated(self, model: BaseModel[Any]) -> list[Sample]:
        """The samples as the model translates them now; none where the data has only its training phase.

        A sample that cannot be read is left out, with one warning: nothing is learnt from it.
        """
        if self._dataset is None:
            return []
        step = max(1, len(self._dataset) // COUNT)
        indices = range(0, len(self._dataset), step)[:COUNT]
        samples = (self._sample(model, self._dataset, index) for index in indices)
        return [sample for sample in samples if sample is not None]

    def _sample(self, model: BaseModel[Any], dataset: BaseDataset[Any], index: int) -> Sample | None:
        try:
            item = dataset[index]
        except DataError as error:
            if index not in self._unreadable:
                log.warning(f"{error} This held-out image is not shown.")
            self._unreadable.add(index)
            return None
        batch = {name: value[None] if isinstance(value, Tensor) else [value] for name, value in item.items()}
        images = {name: image.float().cpu() for name, image in model.translate(batch).items()}
        return Sample(self.phase, Path(str(item.get("A_paths", index))).stem, images)


def _dataset_of(resolved: ResolvedOptions, phase: str) -> BaseDataset[Any] | None:
    """The data set of a phase as test.py reads it: whole images in order; None where the data has no such phase."""
    if resolved.values["phase"] == phase:
        return None
    test_values = {
        "phase": phase,
        "flip": False,
        "serial_batches": True,
        "load_size": resolved.values["crop_size"],  # nothing is cropped away
        "max_dataset_size": None,
        "cache": "off",  # four images gain nothing, and would displace training images
    }
    try:
        dataset = make_dataset(resolved.components["dataset_mode"], {**resolved.values, **test_values})
        return dataset if len(dataset) else None
    except PixlateError:
        return None
