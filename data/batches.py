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
Loaded = tuple[Batch, list[BadImageError]]  # a batch, and the errors of the images that were replaced in it

MAX_REPLACEMENTS = 1000  # items drawn in place of a bad one before giving up


def fetch(dataset: BaseDataset[Any], keys: Keys) -> Loaded:
    """The batch of these items, and the errors of the images that were replaced in it.

    With `--on_bad_image skip`, an item that cannot be read is replaced by another one, drawn from (seed, epoch, index),
    so that the replacement does not depend on the process that loads it. Raises BadImageError with `stop`, DataError
    if more images are bad than `--max_bad_images`.
    """
    bad: list[BadImageError] = []
    items = [_item(dataset, epoch, index, bad) for epoch, index in keys]
    return collate(items), bad


def collate(items: Sequence[Mapping[str, Any]]) -> Batch:
    """A batch from items: tensors are stacked, numbers become a tensor, everything else is listed.

    Whole numbers become int64, others float32.

    Raises DataError, naming the files, for tensors of different sizes.
    """
    return {name: _collate_field(name, items) for name in items[0]}


def pinned(batch: Batch) -> Batch:
    """The batch in page-locked memory, from which copies to a CUDA device are asynchronous."""
    return {name: value.pin_memory() if isinstance(value, Tensor) else value for name, value in batch.items()}


def check_bad_images(bad: Mapping[str, str], limit: int) -> None:
    """Raise DataError if there are more than `limit` bad images; `bad` has an error message for each path."""
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
    for _ in range(MAX_REPLACEMENTS):
        check_bad_images({error.path: str(error) for error in bad}, shared.max_bad_images)
        try:
            return dataset.sample(rng.randrange(len(dataset)), rng)
        except BadImageError as error:
            bad.append(error)
    raise bad[-1]


def _collate_field(name: str, items: Sequence[Mapping[str, Any]]) -> Any:
    values = [item[name] for item in items]
    if isinstance(values[0], bool | int | float):
        return torch.tensor(values, dtype=torch.float32 if isinstance(values[0], float) else None)
    if not isinstance(values[0], Tensor):
        return values
    for item, value in zip(items, values, strict=True):
        if value.shape != values[0].shape:
            first, other = (_describe_size(name, example) for example in (items[0], item))
            raise DataError(
                f"images of different sizes cannot share a batch: {first}, {other}. Use --batch_size 1, or "
                "--preprocess resize_and_crop."
            )
    return torch.stack(values) if len(values) > 1 else values[0][None]  # a view instead of a copy


def _describe_size(name: str, item: Mapping[str, Any]) -> str:
    size = " x ".join(str(side) for side in reversed(item[name].shape[-2:]))
    return f"{quoted(item[f'{name}_paths'])} is {size}" if f"{name}_paths" in item else f"{name} is {size}"
