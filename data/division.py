"""Divides the images of a phase into those that are trained on and those that are held out, by their names."""

import hashlib
import os
import unicodedata
from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any, Literal

from pixlate.errors import OptionError

from .base import BaseDataset
from .image_dataset import ImageDataset, Source

Part = Literal["training", "held out"]


def take_part(dataset: BaseDataset[Any], part: Part, *, fraction: float, seed: int, limit: int | None = None) -> None:
    """Keep one of the two parts of a data set.

    A sample is held out where the hash of its name and the seed falls below the fraction: images that are added change
    nothing for the others. Each side of unpaired data, and each domain, has at least one image in both parts. Samples
    with the same input are in the same part.

    - fraction: the share that is held out, more than 0 and at most 0.5.
    - seed: with another one, other images are held out.
    - limit: of each collection, keep at most so many images.

    Raises OptionError for data sets that cannot be divided, and for too few images.
    """
    if not isinstance(dataset, ImageDataset):
        raise _cannot_divide(dataset, "it is no data set of image files")
    names = [_name(dataset, group) for group in dataset.groups]
    held_out = {name for members in _collections(dataset, names) for name in _chosen(members, fraction, seed)}
    kept = [index for index, name in enumerate(names) if (name in held_out) == (part == "held out")]
    counts: dict[Hashable, int] = {}
    within_limit = []
    for index, collection in ((index, dataset.collections[index]) for index in kept):
        counts[collection] = counts.get(collection, 0) + 1
        if limit is None or counts[collection] <= limit:
            within_limit.append(index)
    size = len(dataset)
    dataset.take_groups(within_limit)
    if len(dataset) >= size:  # a plugin's data set that reads its samples from other lists
        raise _cannot_divide(dataset, "it takes no part of its samples")
    rest = f"--val_fraction {fraction:g} holds out {len(names) - len(kept)}"
    if part == "held out":
        rest = f"only {len(within_limit)} that --val_fraction {fraction:g} held out are read"
    dataset.inventory = replace(dataset.inventory, part=rest)


def _collections(dataset: ImageDataset[Any], names: Iterable[str]) -> list[set[str]]:
    """The names of the samples of each collection."""
    collections: dict[Hashable, set[str]] = {}
    for name, collection in zip(names, dataset.collections, strict=True):
        collections.setdefault(collection, set()).add(name)
    return list(collections.values())


def _chosen(names: set[str], fraction: float, seed: int) -> set[str]:
    """The names that are held out: at least one, and not all."""
    if len(names) < 2:
        raise OptionError(
            "--val_fraction holds out at least one image, of each side or domain, and trains on the others: "
            f"{next(iter(names), 'the data')!r} is alone."
        )
    positions = {name: _position(name, seed) for name in names}
    ordered = sorted(names, key=lambda name: (positions[name], name))
    count = sum(position < fraction for position in positions.values())
    return set(ordered[: min(max(count, 1), len(names) - 1)])


def _position(name: str, seed: int) -> float:
    """A number from 0 to 1 that depends on the name and the seed alone."""
    digest = hashlib.sha256(os.fsencode(f"{seed}/{name}")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _name(dataset: ImageDataset[Any], group: tuple[Source, ...]) -> str:
    """The name of a sample on every machine: the path of its input below the data root."""
    inputs = [source for source in group if source.sides[0].split(":")[0] == "A"]
    path = os.path.relpath((inputs or list(group))[0].path, dataset.root)
    return unicodedata.normalize("NFC", path.replace(os.sep, "/"))


def _cannot_divide(dataset: BaseDataset[Any], reason: str) -> OptionError:
    return OptionError(
        f"--val_fraction cannot divide the data of {type(dataset).__name__}, because {reason}: omit it, and make a "
        "phase val, for images with 'pixlate split'."
    )
