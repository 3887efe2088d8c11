"""The contract of a data set, which `pixlate.plugins.testing.check_dataset` checks on a small folder."""

import math
import pickle
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixlate.data import BaseDataset
from pixlate.data.create import create_dataset
from pixlate.data.image_dataset import ImageDataset
from pixlate.data.loading import BatchLoader
from pixlate.plugins.field import Field
from pixlate.plugins.manager import Plugins

from .comparison import identical, random_states


def check(plugins: Plugins, name: str, dataroot: Path | str, options: Mapping[str, Any]) -> None:
    """Check every requirement; raises AssertionError for one that is not met."""
    component = plugins.registry("dataset").get(name)
    name = component.name
    _require(bool(component.help), name, "has no help: give register() a sentence")
    dataset = create_dataset(plugins, name, **{"phase": "train", **options, "dataroot": str(dataroot)})
    _require(len(dataset) > 0, name, "is empty")
    _check_items(name, dataset)
    _check_files(name, dataset)
    _check_parts(name, dataset)
    _check_loading(name, dataset)


def _check_items(name: str, dataset: BaseDataset[Any]) -> None:
    for index in (0, len(dataset) - 1):
        before = random_states()
        # Epoch 2, because epoch 1 is what an index alone means.
        item, second_item = dataset[2, index], dataset[2, index]
        unchanged = identical(before, random_states())
        _require(unchanged, name, "draws from a global generator: use the rng that sample() is given")
        _require(identical(item, second_item), name, f"returns another item for index {index} the second time")
        _require("A" in item, name, "has items without 'A'")
        for side in ("A", "B"):
            if side in item:
                _check_image(name, side, item[side])
                _require(isinstance(item.get(f"{side}_paths"), str), name, f"has items without a '{side}_paths' name")
        for field_name, field in dataset.fields.items():
            _require(field_name in item, name, f"declares a field '{field_name}' that its items lack")
            _check_field(name, field_name, field, item[field_name])
            if field.is_spatial and dataset.transform.preprocess not in ("none", "scale_width"):
                found, size = (tuple(item[each].shape[-2:]) for each in (field_name, "A"))
                expected = tuple(int(side * field.scale) for side in size)
                _require(found == expected, name, f"returns '{field_name}' of {found}, not {expected}; see Field.scale")


def _check_image(name: str, side: str, image: Any) -> None:
    valid = isinstance(image, Tensor) and image.dim() == 3 and image.dtype == torch.float32
    _require(valid, name, f"returns '{side}' that is no C×H×W tensor of float32")
    in_range = bool(torch.isfinite(image).all()) and float(image.abs().max()) <= 1
    _require(in_range, name, f"returns '{side}' with values outside [-1, 1]")


def _check_field(name: str, field_name: str, field: Field, value: Any) -> None:
    """A value is of the kind that its field declares."""
    what = f"returns '{field_name}'"
    if field.kind == "category":
        number = int(value) if isinstance(value, int | Tensor) and not isinstance(value, bool) else -1
        _require(0 <= number < field.classes, name, f"{what} of {value!r}, not a class from 0 to {field.classes - 1}")
    elif field.kind == "scalar":
        _require(isinstance(value, float | Tensor) and math.isfinite(float(value)), name, f"{what} that is no number")
    else:
        _check_image(name, field_name, value)
        found, expected = value.shape[0], field.tensor_channels
        _require(found == expected, name, f"{what} of {found} channels; its field declares {expected}")
        if field.kind == "labels":
            one = bool((value.sum(0) == 2 - field.classes).all()) and bool((value.abs() == 1).all())
            _require(one, name, f"{what} that is not 1 for one class and -1 for the others")


def _check_files(name: str, dataset: BaseDataset[Any]) -> None:
    missing = [path for path in dataset.files() if not path.is_file()]
    _require(not missing, name, f"lists files that do not exist: {missing[:3]}")


def _check_parts(name: str, dataset: BaseDataset[Any]) -> None:
    """Of a data set with a sample for each group, a part has the samples of its groups."""
    if not isinstance(dataset, ImageDataset) or not len(dataset) == len(dataset.groups) > 1:
        return
    part = pickle.loads(pickle.dumps(dataset))
    part.take_groups([1])
    same = len(part) == 1 and identical(part.sample(0, random.Random(0)), dataset.sample(1, random.Random(0)))
    _require(same, name, "has other samples after take_groups: shorten its lists beside groups there too")


def _check_loading(name: str, dataset: BaseDataset[Any]) -> None:
    """A pickled copy, and one in a spawned process, return the same items."""
    copy = pickle.loads(pickle.dumps(dataset))
    _require(identical(dataset[1, 0], copy[1, 0]), name, "returns other items when it is pickled")
    batches = {}
    for workers in (0, 1):
        options = replace(dataset.shared, num_threads=workers, batch_size=2)
        with BatchLoader(dataset, options, epochs=1, start_method="spawn") as loader:
            batches[workers] = list(loader.epoch(1))
    _require(identical(batches[0], batches[1]), name, "returns other items in another process")


def _require(condition: bool, name: str, problem: str) -> None:
    if not condition:
        raise AssertionError(f"data set '{name}' {problem}")
