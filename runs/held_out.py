"""Held-out samples: a few images that are not trained on, translated during a training to show its progress.

In their place, images that `--preview` names.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pixlate.data.base import BaseDataset, Item
from pixlate.data.batches import collate
from pixlate.data.create import make_dataset
from pixlate.data.current_readers import use_readers
from pixlate.data.previews import PreviewImages
from pixlate.errors import PixlateError
from pixlate.models.base import BaseModel
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.fields import build
from pixlate.options.shared import DataOptions, TrainingOptions
from pixlate.plugins.component import Component
from pixlate.plugins.field import Field, directed
from pixlate.plugins.run import Sample
from pixlate.util.text import one_line, quoted

from .held_out_part import held_out_part

log = logging.getLogger(__name__)

PHASES = ("val", "test")  # in the order of preference
PREVIEW = "preview"  # the name of the phase of images that the user names


class HeldOutSamples:
    """`--num_previews` samples of the phase val, or what `--val_fraction` holds out, or of the phase test, spread over
    the data set; with `--preview` the images that it names.

    They are read once at the start: one that cannot be read is named and left out. What goes wrong with them later is
    a warning too, once for each: nothing is learnt from them.

    - training_set: a phase that shares a file with it is not used, because it is not held out.

    Raises BadImageError for an image of `--preview` that cannot be read.
    """

    def __init__(
        self, resolved: ResolvedOptions, training_set: BaseDataset[Any], readers: Iterable[Component] = ()
    ) -> None:
        self.phase = ""
        self._dataset: BaseDataset[Any] | None = None
        self._indices: list[int] = []
        options = resolved.options(TrainingOptions)
        if options.preview:
            values = build(DataOptions, {**resolved.values, **as_tested(resolved, PREVIEW)})
            with use_readers(reader.load()() for reader in readers):
                fields = directed(training_set.fields, training_set.shared.direction)
                previews = PreviewImages(options.preview, values, fields.get("A", Field()))
            self._use(PREVIEW, previews, training_set, len(options.preview))
            return
        found = held_out_dataset(resolved, training_set, readers) if options.num_previews else None
        if found is not None:
            self._use(*found, training_set, options.num_previews)

    def _use(self, phase: str, dataset: BaseDataset[Any], training_set: BaseDataset[Any], count: int) -> None:
        dataset.use_value_ranges(training_set.value_ranges)
        self.phase, self._dataset = phase, dataset
        step = max(1, len(dataset) // count)
        self._indices = list(range(0, len(dataset), step)[:count])
        for index in list(self._indices):
            self._item(index)

    def translated(self, model: BaseModel[Any]) -> list[Sample]:
        """The samples as the model translates them now; none where the data has only its training phase."""
        samples = [self._sample(model, index) for index in list(self._indices)]
        return [sample for sample in samples if sample is not None]

    def _item(self, index: int) -> Item | None:
        """A sample as it is read; None, after a warning, for one that is left out from now on."""
        assert self._dataset is not None
        try:
            return self._dataset[index]
        except Exception as error:  # the data set may be a plugin's
            self._leave_out(index, error)
            return None

    def _sample(self, model: BaseModel[Any], index: int) -> Sample | None:
        item = self._item(index)
        if item is None:
            return None
        try:
            images = {name: image.float().cpu() for name, image in model.translate(collate([item])).items()}
        except Exception as error:  # a size that the networks do not take, or no memory for it
            self._leave_out(index, error, str(item.get("A_paths", "")))
            return None
        return Sample(self.phase, Path(str(item.get("A_paths", index))).stem, images)

    def _leave_out(self, index: int, error: Exception, path: str = "") -> None:
        self._indices.remove(index)
        where = f"{quoted(path)} cannot be translated: " if path else ""
        text = str(error) if isinstance(error, PixlateError) else f"{one_line(error)}."
        log.warning(f"{where}{text} This held-out image is not shown.")


def held_out_dataset(
    resolved: ResolvedOptions, training_set: BaseDataset[Any], readers: Iterable[Component]
) -> tuple[str, BaseDataset[Any]] | None:
    """Images that are not trained on, as test.py reads them, and their phase.

    They are what `--val_fraction` holds out; else the first of `PHASES` that the data has and that shares no file with
    the training set.
    """
    component, values = resolved.components["dataset_mode"], {**resolved.values, **as_tested(resolved, "val")}
    part = held_out_part(component, values, resolved.values, readers)
    if part is not None:
        return part.shared.phase, part
    training_files = set(training_set.files())
    for phase in PHASES:
        dataset = dataset_of_phase(resolved, phase, readers)
        if dataset is not None and training_files.isdisjoint(dataset.files()):
            return phase, dataset
    return None


def dataset_of_phase(resolved: ResolvedOptions, phase: str, readers: Iterable[Component]) -> BaseDataset[Any] | None:
    """The data set of a phase as test.py reads it: whole images in order; None where the data has no such phase."""
    if resolved.values["phase"] == phase:
        return None
    values = {**resolved.values, **as_tested(resolved, phase)}
    try:
        dataset = make_dataset(resolved.components["dataset_mode"], values, readers)
        return dataset if len(dataset) else None
    except PixlateError:
        return None
    except Exception as error:  # the data set may be a plugin's
        log.warning(f"Images of the phase '{phase}' are left out: {one_line(error)}.")
        return None


def as_tested(resolved: ResolvedOptions, phase: str) -> dict[str, Any]:
    """The options with which a test reads a phase: whole images in order."""
    return {
        "phase": phase,
        "flip": False,
        "augment": (),
        "serial_batches": True,
        "load_size": resolved.values["crop_size"],  # nothing is cropped away
        "max_dataset_size": None,
        "cache": "off",  # a few images gain nothing, and would displace training images
    }
