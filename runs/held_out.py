"""Held-out images, translated now and then to see what was learnt."""

from pathlib import Path
from typing import Any

from torch import Tensor

from pixlate.data.base import BaseDataset
from pixlate.data.create import make_dataset
from pixlate.errors import PixlateError
from pixlate.models.base import BaseModel
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins.run import Sample

PHASES = ("val", "test")
COUNT = 4


class Samples:
    """The first few images of the validation phase, or of the test phase where there is none."""

    def __init__(self, resolved: ResolvedOptions, trained_on: BaseDataset[Any]) -> None:
        self.phase, self._dataset = "", None
        seen = set(trained_on.files())
        for phase in PHASES:
            dataset = _dataset(resolved, phase)
            if dataset is not None and seen.isdisjoint(dataset.files()):
                self.phase, self._dataset = phase, dataset
                return

    def translated(self, model: BaseModel[Any]) -> list[Sample]:
        """The images as the model translates them now; none where the data has only its training phase."""
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


def _dataset(resolved: ResolvedOptions, phase: str) -> BaseDataset[Any] | None:
    if resolved.values["phase"] == phase:
        return None
    changes = {
        "phase": phase,
        "flip": False,
        "serial_batches": True,
        "load_size": resolved.values["crop_size"],
        "max_dataset_size": None,
        "cache": "off",
    }
    try:
        made = make_dataset(resolved.components["dataset_mode"], {**resolved.values, **changes})
        return made if len(made) else None
    except PixlateError:
        return None
