"""The base class of all data sets."""

import random
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from torch.utils.data import Dataset

from pixlate.options.shared import DataOptions
from pixlate.plugins.field import Field
from pixlate.util.text import counted

from .folders import dataroot_of
from .inventory import Inventory
from .transforms import Transform
from .value_range import ValueRange

if TYPE_CHECKING:
    from .augmentation import Augmentation

Config = TypeVar("Config")
Item = dict[str, Any]
Key = int | tuple[int, int]  # index, or (epoch, index)


class BaseDataset(ABC, Dataset[Item], Generic[Config]):
    """A data set: a number of items, each a function of its index and a random generator.

    - config: the data set's own options.
    - shared: the options of all data sets.

    A subclass defines `__len__` and `sample`. It must be picklable, since worker processes load from copies of it,
    and an item must depend only on the index and the generator. A data set that reads files should list them in
    `files`, so that a resumed run notices changes; `ImageDataset` does so for data sets of images.
    """

    value_ranges: Mapping[str, ValueRange] = MappingProxyType({})  # by side, of values of more than 8 bits
    paired = True  # whether A and B of a sample show the same, so that an output can be compared with its B
    inventory = Inventory()  # what was found, said at the start; a subclass that reads files may set it

    def __init__(self, config: Config, shared: DataOptions) -> None:
        self.config = config
        self.shared = shared
        self.transform = Transform.of(shared)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.describe()}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the content, the fields, and a few samples."""
        from .showing import html_of  # only in notebooks

        return html_of(self)

    @cached_property
    def root(self) -> Path:
        """The folder that `--dataroot` names. Raises OptionError if none is named, DataError if it does not exist."""
        return dataroot_of(self.shared.dataroot)

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of a sample by name, known before models are built; empty for a data set that declares none."""
        return {}

    @abstractmethod
    def __len__(self) -> int:
        """The number of items in an epoch."""

    @abstractmethod
    def sample(self, index: int, rng: random.Random) -> Item:
        """One item; all random numbers are drawn from `rng`.

        "A", and "B" if there are two sides: C×H×W float32 in [-1, 1]; "A_paths", "B_paths": the paths of the files;
        further fields by their names, tensors and numbers. Raises BadImageError for an image that cannot be read.
        """

    @property
    def weights(self) -> Sequence[float] | None:
        """How often each sample is drawn beside the others, in a shuffled epoch; None where all are drawn once."""
        return None

    @property
    def balanced_by(self) -> Sequence[Hashable] | None:
        """The group of each sample, which `--balance` makes equally frequent; None where there are none."""
        return None

    def files(self) -> Sequence[Path]:
        """The files that the items are read from, in order."""
        return ()

    def use_value_ranges(self, ranges: Mapping[str, ValueRange]) -> None:
        """Scale values of more than 8 bits by these ranges of the sides A and B, those of a run."""
        self.value_ranges = dict(ranges)

    def describe(self) -> str:
        """What the data set consists of, on one line without a full stop."""
        return str(self.inventory) if self.inventory.noun else counted(len(self), "sample")

    def take_each_input_once(self, limit: int | None) -> None:
        """Called before a test: of the first `limit` items, leave out those whose input comes a second time."""

    def open_cache(self) -> None:
        """Called before batches are loaded: start caching, in a data set that does."""

    def close_cache(self) -> None:
        """Called after the last batch: stop caching, and remove what was cached for this run only."""

    def check_options(self) -> None:
        """Raise OptionError where options contradict the files."""
        _ = self.fields, self._augmentation

    def __getitem__(self, key: Key) -> Item:
        """The item of (epoch, index), or of an index in epoch 1: a function of the key and the seed."""
        epoch, index = key if isinstance(key, tuple) else (1, key)
        if not 0 <= index < len(self):
            raise IndexError(index)
        rng = random.Random(f"{self.shared.seed}/{epoch}/{index}")
        item = self.sample(index, rng)
        return self._augmentation(item, rng) if self._augmentation else item

    @cached_property
    def _augmentation(self) -> "Augmentation | None":
        """The changes of `--augment`. Raises OptionError for what the fields cannot have."""
        if not self.shared.augment:
            return None
        from .augmentation import Augmentation, parse  # here, because torchvision's transforms take a while to import

        target = "A" if self.shared.direction == "AtoB" or "B" not in self.fields else "B"
        return Augmentation(parse(self.shared.augment, target), self.fields)
