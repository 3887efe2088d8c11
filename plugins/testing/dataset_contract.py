"""What every data set must do; `pixlate.plugins.testing.check_dataset` runs it all on a small folder."""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixlate.data import BaseDataset
from pixlate.data.create import create_dataset
from pixlate.data.loading import BatchLoader
from pixlate.plugins.manager import Plugins

from .model_contract import generators, same


def check(plugins: Plugins, name: str, dataroot: Path | str, options: Mapping[str, Any]) -> None:
    """Check every promise of a data set; AssertionError says which is broken."""
    component = plugins.registry("dataset").get(name)
    name = component.name
    _require(bool(component.help), name, "has no help: give register() a sentence")
    dataset = create_dataset(plugins, name, **{"phase": "train", **options, "dataroot": str(dataroot)})
    _require(len(dataset) > 0, name, "is empty")
    _check_items(name, dataset)
    _check_files(name, dataset)
    _check_loading(name, dataset)


def _check_items(name: str, dataset: BaseDataset[Any]) -> None:
    for index in (0, len(dataset) - 1):
        before = generators()
        item, again = dataset[2, index], dataset[2, index]
        _require(same(before, generators()), name, "draws from a global generator: use the rng that sample() is given")
        _require(same(item, again), name, f"makes another item of {index} the second time")
        _require("A" in item, name, "has items without 'A'")
        for side in ("A", "B"):
            if side in item:
                _check_image(name, side, item[side])
                _require(isinstance(item.get(f"{side}_paths"), str), name, f"has items without a '{side}_paths' name")


def _check_image(name: str, side: str, image: Any) -> None:
    kind = isinstance(image, Tensor) and image.dim() == 3 and image.dtype == torch.float32
    _require(kind, name, f"gives '{side}' that is no C×H×W tensor of float32")
    inside = bool(torch.isfinite(image).all()) and float(image.abs().max()) <= 1
    _require(inside, name, f"gives '{side}' with values outside [-1, 1]")


def _check_files(name: str, dataset: BaseDataset[Any]) -> None:
    missing = [path for path in dataset.files() if not path.is_file()]
    _require(not missing, name, f"names files that are not there: {missing[:3]}")


def _check_loading(name: str, dataset: BaseDataset[Any]) -> None:
    """A copy, and one in a process that is started afresh, give the same items."""
    copy = pickle.loads(pickle.dumps(dataset))
    _require(same(dataset[1, 0], copy[1, 0]), name, "gives other items when it is copied")
    batches = {}
    for workers in (0, 1):
        options = replace(dataset.shared, num_threads=workers, batch_size=2)
        with BatchLoader(dataset, options, epochs=1, start_method="spawn") as loader:
            batches[workers] = list(loader.epoch(1))
    _require(same(batches[0], batches[1]), name, "gives other items in another process")


def _require(holds: bool, name: str, sentence: str) -> None:
    if not holds:
        raise AssertionError(f"data set '{name}' {sentence}")
