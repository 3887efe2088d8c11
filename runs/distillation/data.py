"""The images that a trained run is distilled on: its training inputs as it saw them, and its held-out ones."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from pixlate.data.base import BaseDataset
from pixlate.data.create import make_dataset
from pixlate.data.value_range import read_ranges
from pixlate.errors import DataError, OptionError, PixlateError
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins.component import Component
from pixlate.plugins.field import Field
from pixlate.runs.held_out import as_tested
from pixlate.runs.held_out_part import VAL, held_out_part, leave_out
from pixlate.runs.judging.floor_images import floor_images
from pixlate.util.text import quoted

PHASES = (VAL, "test")
SIDES = ("A", "B")
#: Pairs to learn from, where --views is not given, and the most views of an image for them.
PAIRS, MOST_VIEWS = 2000, 20


class TeacherData:
    """The data of a trained run.

    - resolved: the options of its training: those that are stored, and where its data is now.
    - direction: "AtoB" or "BtoA", in which it translates.
    - readers: of image files, those of plugins.

    Raises DataError where the data is gone, OptionError for data in a colour space, which the data set of a student
    does not convert to.
    """

    def __init__(self, resolved: ResolvedOptions, direction: str, readers: Iterable[Component]) -> None:
        self.input_side, self.output_side = SIDES if direction == "AtoB" else SIDES[::-1]
        values, turned = resolved.values, {"direction": direction}
        if direction != values["direction"]:
            turned |= {"input_nc": values["output_nc"], "output_nc": values["input_nc"]}
        self.resolved, self._readers = resolved.with_values(turned), list(readers)
        self._component = resolved.components["dataset_mode"]
        if self._component.plugin.is_builtin:  # others may read their images from elsewhere
            _require_data(resolved)
        if any(field.space for field in self.fields.values()):
            raise OptionError(
                f"run '{resolved.name}' translates between channels of CIELAB, to which its data set converts "
                "photographs: it cannot be distilled."
            )

    @cached_property
    def training(self) -> BaseDataset[Any]:
        """The training inputs, in each epoch each of them once, randomly cropped and flipped as in the training."""
        dataset = self._training({"serial_batches": True, "cache": "off"})
        dataset.take_each_input_once(None)
        return dataset

    @cached_property
    def held_out(self) -> Mapping[str, BaseDataset[Any]]:
        """The images of the phases val and test as a test reads them, where there are any."""
        found = {phase: self._phase(phase) for phase in PHASES}
        return {phase: dataset for phase, dataset in found.items() if dataset is not None}

    @cached_property
    def measured(self) -> BaseDataset[Any]:
        """What the quality is measured on: test, else val, else the training inputs, as a test reads them."""
        if self.held_out:
            return list(self.held_out.values())[-1]
        phase = str(self.resolved.values["phase"])
        limit = {"max_dataset_size": self.resolved.values["max_dataset_size"]}
        dataset = self._training(as_tested(self.resolved, phase) | limit)
        dataset.take_each_input_once(None)
        return dataset

    @property
    def usual_views(self) -> int:
        """How often each training input is seen, differently cropped and flipped, for `PAIRS` pairs."""
        return max(1, min(MOST_VIEWS, -(-PAIRS // len(self.training))))

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of its samples, A and B as they are in its files."""
        return self.training.fields

    def floor_images(self, count: int) -> Iterator[Tensor]:
        """Real images of the target in the training, 1×C×H×W, for the noise floor of what is measured."""
        return floor_images(self.resolved, self.measured, count, self._readers)

    def _training(self, changes: Mapping[str, Any]) -> BaseDataset[Any]:
        values = {**self.resolved.values, **changes}
        dataset = make_dataset(self._component, values, self._readers)
        leave_out(dataset, self._component, values, self._readers)
        self._use_stored_ranges(dataset)
        return dataset

    def _phase(self, phase: str) -> BaseDataset[Any] | None:
        """A phase that shares no file with the training; None where there is none."""
        values = {**self.resolved.values, **as_tested(self.resolved, phase)}
        try:
            part = held_out_part(self._component, values, self.resolved.values, self._readers) if phase == VAL else None
            dataset = part or make_dataset(self._component, values, self._readers)
            shared = part is None and not set(self.training.files()).isdisjoint(dataset.files())
        except PixlateError:
            return None
        if shared or not len(dataset):
            return None
        self._use_stored_ranges(dataset)
        dataset.take_each_input_once(None)
        return dataset

    def _use_stored_ranges(self, dataset: BaseDataset[Any]) -> None:
        stored = self.resolved.stored
        dataset.use_value_ranges(read_ranges(stored.value_ranges) if stored else {})

    @property
    def further_fields(self) -> list[str]:
        """The names of fields beside A and B."""
        return [name for name in self.fields if name not in SIDES]


def _require_data(resolved: ResolvedOptions) -> None:
    root = str(resolved.values["dataroot"])
    if root != "demo" and not Path(root).is_dir():
        raise DataError(
            f"the data of run '{resolved.name}', {quoted(root)}, is gone: name the folder where it is now with "
            "--dataroot FOLDER."
        )
