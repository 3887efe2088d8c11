"""Real images for the noise floor of a test: those of the target in the training phase, as the test reads its own."""

import random
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor

from pixlate.data.base import BaseDataset, Item
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins.component import Component
from pixlate.runs.held_out import dataset_of_phase

PHASE = "train"


def floor_images(
    resolved: ResolvedOptions, tested: BaseDataset[Any], count: int, readers: Iterable[Component]
) -> Iterator[Tensor]:
    """At most so many different images, 1×C×H×W, drawn by the seed.

    None where the data has no training phase, where that is what is tested, and where the two share a file. Images that
    cannot be read are left out: they are no part of the test.
    """
    dataset = dataset_of_phase(resolved, PHASE, readers)
    if dataset is None or not set(tested.files()).isdisjoint(dataset.files()):
        return
    dataset.use_value_ranges(tested.value_ranges)
    side = "A" if dataset.shared.direction == "BtoA" else "B"
    indices = list(range(len(dataset)))
    random.Random(dataset.shared.seed).shuffle(indices)
    seen: set[str] = set()
    for index in indices:
        item = _item(dataset, index)
        path = str(item.get(f"{side}_paths", index))
        if side in item and path not in seen:  # of unpaired data some come again, where the other side has more
            seen.add(path)
            yield item[side][None]
        if len(seen) == count:
            return


def _item(dataset: BaseDataset[Any], index: int) -> Item:
    try:
        return dataset[index]
    except Exception:  # the data set may be a plugin's
        return {}
