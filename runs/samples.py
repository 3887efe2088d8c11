"""Pictures that are not trained on, translated now and then to see what was learnt."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from pixlate.data.base import BaseDataset
from pixlate.errors import PixlateError
from pixlate.models.base import BaseModel
from pixlate.options.choice import Choice
from pixlate.options.shared import DataOptions

from .progress import Sample

PHASES = ("val", "test")
COUNT = 4


class Samples:
    """The first few pictures of the validation phase, or of the test phase where there is none."""

    def __init__(self, choice: Choice, trained_on: BaseDataset[Any]) -> None:
        self.phase, self._dataset = "", None
        seen = set(trained_on.files())
        for phase in PHASES:
            dataset = _dataset(choice, phase)
            if dataset is not None and seen.isdisjoint(dataset.files()):
                self.phase, self._dataset = phase, dataset
                return

    def translated(self, model: BaseModel[Any]) -> list[Sample]:
        """The pictures as the model translates them now; none where the data has only its training phase."""
        if self._dataset is None:
            return []
        step = max(1, len(self._dataset) // COUNT)
        indices = range(0, len(self._dataset), step)[:COUNT]
        return [self._sample(model, self._dataset, index) for index in indices]

    def _sample(self, model: BaseModel[Any], dataset: BaseDataset[Any], index: int) -> Sample:
        item = dataset[index]
        batch = {name: part[None] if isinstance(part, Tensor) else [part] for name, part in item.items()}
        images = {name: image.float().cpu() for name, image in model.translate(batch).items()}
        return Sample(self.phase, Path(str(item.get("A_paths", index))).stem, images)


def _dataset(choice: Choice, phase: str) -> BaseDataset[Any] | None:
    if choice.values["phase"] == phase:
        return None
    changes = {
        "phase": phase,
        "flip": False,
        "serial_batches": True,
        "load_size": choice.values["crop_size"],
        "max_dataset_size": None,
        "cache": "off",
    }
    shared = replace(choice.options(DataOptions), **changes)
    try:
        made: BaseDataset[Any] = choice.components["dataset_mode"].load()(choice.config_of("dataset_mode"), shared)
        return made if len(made) else None
    except PixlateError:
        return None
