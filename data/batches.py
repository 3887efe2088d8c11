"""Batches: items fetched and collated; items that cannot be read are replaced."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pixlate.errors import DataError
from pixlate.util.text import quoted

from .base import BaseDataset, Item
from .reading import BadImageError

Batch = dict[str, Any]
Keys = Sequence[tuple[int, int]]  # (epoch, index)
Loaded = tuple[Batch, list[BadImageError]]  # a batch, and the images that were left out of it

REPLACEMENTS = 1000  # draws for one item before giving up


def fetch(dataset: BaseDataset[Any], keys: Keys) -> Loaded:
    """The batch of these items, and the images that had to be left out of it.

    With `--on_bad_image skip`, an item that cannot be read is replaced by another, drawn from (seed, epoch, index):
    every process draws the same one. Raises DataError with `stop`, and when too many are bad.
    """
    bad: list[BadImageError] = []
    items = [_item(dataset, epoch, index, bad) for epoch, index in keys]
    return collate(items), bad


def collate(items: Sequence[Mapping[str, Any]]) -> Batch:
    """A batch from items: tensors are stacked, everything else is listed.

    Raises DataError, naming the files, for tensors of different sizes.
    """
    return {name: _collated(name, items) for name in items[0]}


def pinned(batch: Batch) -> Batch:
    """The batch in memory from which a CUDA device copies without waiting."""
    return {name: part.pin_memory() if isinstance(part, Tensor) else part for name, part in batch.items()}


def check_bad_images(bad: Mapping[str, str], limit: int) -> None:
    """Raise DataError when more images are bad, by path and sentence, than `--max_bad_images` allows."""
    if len(bad) > limit:
        raise DataError(
            f"{len(bad)} images cannot be read, and --max_bad_images is {limit}; the last: {list(bad.values())[-1]}"
        )


def _item(dataset: BaseDataset[Any], epoch: int, index: int, bad: list[BadImageError]) -> Item:
    shared = dataset.shared
    try:
        return dataset[epoch, index]
    except BadImageError as error:
        if shared.on_bad_image == "stop":
            raise
        bad.append(error)
    rng = random.Random(f"{shared.seed}/{epoch}/{index}/replacement")
    for _ in range(REPLACEMENTS):
        check_bad_images({error.path: str(error) for error in bad}, shared.max_bad_images)
        try:
            return dataset.sample(rng.randrange(len(dataset)), rng)
        except BadImageError as error:
            bad.append(error)
    raise bad[-1]


def _collated(name: str, items: Sequence[Mapping[str, Any]]) -> Any:
    parts = [item[name] for item in items]
    if not isinstance(parts[0], Tensor):
        return parts
    for item, part in zip(items, parts, strict=True):
        if part.shape != parts[0].shape:
            first, other = (_described(name, example) for example in (items[0], item))
            raise DataError(
                f"images of different sizes cannot share a batch: {first}, {other}. Use --batch_size 1, or "
                "--preprocess resize_and_crop."
            )
    return torch.stack(parts) if len(parts) > 1 else parts[0][None]


def _described(name: str, item: Mapping[str, Any]) -> str:
    size = " x ".join(str(side) for side in reversed(item[name].shape[-2:]))
    return f"{quoted(item[f'{name}_paths'])} is {size}" if f"{name}_paths" in item else f"{name} is {size}"
