"""The data set of a table: a row for each sample, whose columns name files, numbers and classes."""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions
from pixlate.plugins.field import Field
from pixlate.util.text import listed, quoted

from .base import Item
from .image_dataset import ImageDataset, Source
from .inventory import Inventory
from .manifest_file import Row, read_rows
from .plugin import ManifestOptions
from .transforms import Pixels

SPLIT, WEIGHT, GROUP = "split", "weight", "group"  # columns with a meaning of their own
MAX_NAMED = 5


class ManifestDataset(ImageDataset[ManifestOptions]):
    """Samples from a table, by default <dataroot>/manifest.csv.

    A column whose values are files is a field of images (or labels or a mask, see `--field`); numbers are a scalar, and
    other texts a category. Columns "A:first", "A:second" are stacked into the channels of one field A, files of 8 bits
    as grey. Files are relative to the data root. Of a column "split", the rows of the phase are taken; "weight" is how
    often a sample is drawn beside others, "group" what `--balance` makes equally frequent.
    """

    def __init__(self, config: ManifestOptions, shared: DataOptions) -> None:
        super().__init__(config, shared)
        table = Path(config.manifest).expanduser()
        self._table = table if table.is_absolute() else self.root / table
        every = read_rows(self._table)
        self.columns = _columns(every, self._table)
        splits = {str(row[SPLIT]) for row in every} if SPLIT in every[0] else set()
        rows = [row for row in every if not splits or str(row[SPLIT]) == shared.phase]
        if not rows:
            known = listed(sorted(splits), MAX_NAMED)
            raise DataError(f"{quoted(self._table)} has no row of the split '{shared.phase}': it has {known}.")
        self.rows = rows[: shared.max_dataset_size]
        self.file_columns = [name for name in self.columns if self._is_file(name, rows)]
        if not any(name.split(":")[0] == "A" for name in self.file_columns):
            raise DataError(
                f"{quoted(self._table)} has no column 'A' with the files of the input: its columns are "
                f"{listed(map(quoted, self.columns), MAX_NAMED)}. Files are relative to {quoted(self.root)}."
            )
        self.groups = [tuple(Source(self._path(row, name), (name,)) for name in self.file_columns) for row in self.rows]
        others = [name for name in self.columns if name not in (*self.file_columns, SPLIT, WEIGHT, GROUP)]
        self._values = {name: _values(every, name) for name in others}
        self.inventory = Inventory(
            len(rows),
            "sample",
            layout=f"from {quoted(self._table.name)}",
            used=len(self.rows) if len(self.rows) < len(rows) else None,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def take_groups(self, indices: Iterable[int]) -> None:
        """Keep these rows."""
        kept = list(indices)
        super().take_groups(kept)
        self.rows = [self.rows[index] for index in kept]

    @cached_property
    def channels(self) -> dict[str, int]:
        """The channels of each column of files."""
        counts = {}
        for name in self.file_columns:
            declared = self.declared.get(name.split(":")[0])
            stored = self.stored_as(name)
            if declared is not None and declared.kind != "image":
                counts[name] = declared.classes if declared.kind == "labels" else 1
            elif ":" in name:
                counts[name] = stored.channels if stored.deep else 1
            else:
                counts[name] = self._given(name) or stored.channels
        return counts

    @property
    def fields(self) -> dict[str, Field]:
        """A field for each column, or for several that are stacked."""
        fields: dict[str, Field] = {}
        for name in self.file_columns:
            field, part = name.split(":")[0], self._field(name)
            first = fields.get(field)
            if first is not None:
                part = replace(first, channels=first.channels + part.channels)
            fields[field] = part
        for name, (kind, classes) in self._values.items():
            category = Field("category", classes=len(classes), names=tuple(classes)) if classes else None
            fields[name] = category or Field(kind)
        return fields

    def sample(self, index: int, rng: random.Random) -> Item:
        """One row: its images with one window, and its numbers and classes."""
        stacks: dict[str, list[Pixels]] = {}
        item: Item = {}
        for name, source in zip(self.file_columns, self.groups[index], strict=True):
            field = name.split(":")[0]
            stacks.setdefault(field, []).append(self.pixels(source)[0])
            item.setdefault(f"{field}_paths", str(source.path))
        window = self.draw(stacks["A"][0], rng)
        for field, parts in stacks.items():
            item[field] = self.transform_of(field).finish(_stacked(parts), window)
        row = self.rows[index]
        for name, (kind, classes) in self._values.items():
            item[name] = float(row[name]) if kind == "scalar" else classes[str(row[name])]
        return item

    @property
    def weights(self) -> Sequence[float] | None:
        """The column "weight"."""
        if WEIGHT not in self.columns:
            return None
        weights = [_number(row[WEIGHT]) for row in self.rows]
        if any(weight is None or weight < 0 for weight in weights) or not any(weights):
            raise DataError(f"the column 'weight' of {quoted(self._table)} must have numbers of 0 or more, not all 0.")
        return [float(weight or 0) for weight in weights]

    @property
    def balanced_by(self) -> Sequence[str] | None:
        """The column "group"."""
        return [str(row[GROUP]) for row in self.rows] if GROUP in self.columns else None

    def _given(self, side: str) -> int | None:
        names = ("input_nc", "output_nc") if self.shared.direction == "AtoB" else ("output_nc", "input_nc")
        return getattr(self.shared, dict(zip("AB", names, strict=True))[side]) if side in ("A", "B") else None

    def _is_file(self, name: str, rows: Sequence[Row]) -> bool:
        if name in (SPLIT, WEIGHT, GROUP):
            return False
        if name.split(":")[0] in self.declared:
            return True
        value = rows[0][name]
        return isinstance(value, str) and bool(value) and (self.root / value).is_file()

    def _path(self, row: Row, name: str) -> Path:
        value = row[name]
        if not isinstance(value, str) or not value:
            raise DataError(f"a row of {quoted(self._table)} has no file in the column '{name}'.")
        path = self.root / value
        if not self.config.allow_outside and not path.resolve().is_relative_to(self.root.resolve()):
            raise DataError(
                f"{quoted(self._table)} names {quoted(value)}, which lies outside of {quoted(self.root)}: "
                "--allow_outside reads files elsewhere."
            )
        return path


def _columns(rows: Sequence[Row], table: Path) -> list[str]:
    """The names of the columns, which all rows have. Raises DataError."""
    columns = list(rows[0])
    for number, row in enumerate(rows, start=1):
        missing = [name for name in columns if name not in row]
        if missing:
            raise DataError(f"row {number} of {quoted(table)} has no column '{missing[0]}'.")
    bad = [name for name in columns if not name.replace(":", "_").isidentifier()]
    if bad:
        raise DataError(
            f"{quoted(table)} has a column {quoted(bad[0])}: names are letters, digits and '_', as in A:first."
        )
    return columns


def _values(rows: Sequence[Row], name: str) -> tuple[Literal["scalar", "category"], dict[str, int]]:
    """Whether a column without files is a scalar or a category, and the number of each class, in the order of names."""
    if all(_number(row[name]) is not None for row in rows):
        return "scalar", {}
    return "category", {value: number for number, value in enumerate(sorted({str(row[name]) for row in rows}))}


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _stacked(parts: Sequence[Pixels]) -> Pixels:
    """The channels of several images as one; of different types, 8-bit levels become float32 in [-1, 1]."""
    if len(parts) == 1:
        return parts[0]
    if len({part.dtype for part in parts}) > 1:
        parts = [part / np.float32(127.5) - 1 if part.dtype == np.uint8 else part for part in parts]
    return np.concatenate([part.astype(np.float32) if part.dtype != np.uint8 else part for part in parts])
