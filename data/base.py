"""The base class of all data sets."""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch.utils.data import Dataset

from pixlate.options.shared import DataOptions

from .folders import dataroot_of
from .transforms import Transform

Config = TypeVar("Config")
Item = dict[str, Any]
Key = int | tuple[int, int]


class BaseDataset(ABC, Dataset[Item], Generic[Config]):
    """A data set: a number of items, each a function of its index and a random generator.

    - config: the data set's own options; shared: the options that all data sets read.

    A subclass defines `__len__` and `sample`. It must be picklable, since other processes load from copies of it,
    and an item must depend on nothing but the index and the generator. Where items come from files, `files`
    lists them, so that a run notices when they change; data sets of images derive from `ImageDataset`, which
    does that and more.
    """

    def __init__(self, config: Config, shared: DataOptions) -> None:
        self.config = config
        self.shared = shared
        self.transform = Transform.of(shared)

    @cached_property
    def root(self) -> Path:
        """The folder named by `--dataroot`. Raises OptionError or DataError when there is none."""
        return dataroot_of(self.shared.dataroot)

    @abstractmethod
    def __len__(self) -> int:
        """The number of items in an epoch."""

    @abstractmethod
    def sample(self, index: int, rng: random.Random) -> Item:
        """One item; whatever is random is drawn from `rng`.

        "A", and "B" where there are two sides: C×H×W float32 in [-1, 1]; "A_paths", "B_paths": the files' names.
        Raises BadImageError for an image that cannot be read.
        """

    def files(self) -> Sequence[Path]:
        """The files that the items come from, in order."""
        return ()

    def open_cache(self) -> None:
        """Called before batches are loaded: a data set that caches what it reads starts to."""

    def close_cache(self) -> None:
        """Called after the last batch: a data set removes what it cached for this run alone."""

    def __getitem__(self, key: Key) -> Item:
        """The item of that index as epoch 1 draws it, or (epoch, index): a function of this and the seed."""
        epoch, index = key if isinstance(key, tuple) else (1, key)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.sample(index, random.Random(f"{self.shared.seed}/{epoch}/{index}"))
