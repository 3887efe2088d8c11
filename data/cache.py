"""Keeps scaled images, so that from the second epoch on nothing is decoded.

What is kept is what `ImageDataset.read` gives, 8-bit pixels before the crop: cutting, mirroring and normalising
come after it, so a cached image and a decoded one give the same tensor. All processes that load share one memory:
a table with a row for each file, then pixels in the order in which they came.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from .image_dataset import Source
from .memory import attach
from .transforms import Pixels

EMPTY, TAKEN, READY = range(3)
#: Of a row: state, the file's size and time of change, where the pixels begin, and channels, height and width
#: of at most two images; 0 channels is no image.
COLUMNS = 10
HEAD = 64  # bytes before the rows; the first eight say where free memory begins
ALIGNMENT = 64

Read = Callable[[Source], tuple[Pixels, ...]]
Row = list[int]


class Memory(Protocol):
    """Bytes that other processes can map by name."""

    name: str
    size: int
    bytes: Tensor


class ImageCache:
    """The images of a data set's files, as many as fit.

    - memory: zeros, or what an earlier cache of as many files left; sources: the files.
    """

    def __init__(self, memory: Memory, sources: Sequence[Source]) -> None:
        self._memory: Memory | None = memory
        self._map(memory.name, memory.bytes, sources)

    def pixels(self, source: Source, read: Read) -> tuple[Pixels, ...]:
        """The images in a file: as kept, unless the file has changed since, else as `read` gives them."""
        number = self._numbers.get(source)
        try:
            status = os.stat(source.path)
        except OSError:
            return read(source)
        if number is None:
            return read(source)
        stamp = status.st_size, status.st_mtime_ns
        row = self._rows[number].tolist()
        if row[0] == READY and (row[1], row[2]) == stamp:
            return tuple(self._views(row))
        parts = read(source)
        self._keep(number, stamp, parts)
        return parts

    def is_complete(self) -> bool:
        """Whether every file is kept."""
        return bool((self._rows[:, 0] == READY).all())

    def rows(self) -> dict[Source, Row]:
        """The rows of all files that are kept."""
        return {
            source: self._rows[number].tolist() for source, number in self._numbers.items() if self._is_ready(number)
        }

    def restore(self, rows: dict[Source, Row]) -> None:
        """Take over rows that an earlier cache in the same memory had; those that cannot be are left out."""
        end = table_size(len(self._numbers))
        for source, row in rows.items():
            number = self._numbers.get(source)
            if number is not None and _fits(row, end, len(self._flat)):
                self._rows[number] = row
                self._head[0] = max(int(self._head[0]), row[3] + aligned(pixel_bytes(row)))

    def _is_ready(self, number: int) -> bool:
        return bool(self._rows[number, 0] == READY)

    def _map(self, name: str, memory: Tensor, sources: Sequence[Source]) -> None:
        self._threads = threading.Lock()
        self._name = name
        self._sources = sources
        self._numbers = {source: number for number, source in enumerate(sources)}
        self._flat = memory.numpy()
        self._head = self._flat[:HEAD].view(np.int64)
        end = table_size(len(sources))
        self._rows = self._flat[HEAD : HEAD + 8 * COLUMNS * len(sources)].view(np.int64).reshape(-1, COLUMNS)
        self._head[0] = max(int(self._head[0]), end)

    def _views(self, row: Row) -> Iterator[Pixels]:
        start = row[3]
        for shape in (row[4:7], row[7:10]):
            size = prod(shape)
            if size:
                yield self._flat[start : start + size].reshape(shape)
                start += size

    def _keep(self, number: int, stamp: tuple[int, int], parts: tuple[Pixels, ...]) -> None:
        size = sum(part.size for part in parts)
        with self._locked():
            start = int(self._head[0])
            end = start + aligned(size)
            if len(parts) > 2 or end > len(self._flat) or self._rows[number, 0] == TAKEN:
                return
            self._head[0] = end
            self._rows[number, 0] = TAKEN  # stays so if this process dies now: the file is then never kept
        shapes: list[int] = []
        place = start
        for part in parts:
            self._flat[place : place + part.size].reshape(part.shape)[...] = part
            place += part.size
            shapes += part.shape
        self._rows[number, 1:] = [*stamp, start, *shapes, *[0] * (6 - len(shapes))]
        with self._locked():
            self._rows[number, 0] = READY

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._threads:  # the lock on the file is between processes only
            descriptor = os.open(self._name, os.O_RDWR)
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self._name, "size": len(self._flat), "sources": self._sources}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._memory = None
        self._map(state["name"], attach(state["name"], state["size"]), state["sources"])


def table_size(count: int) -> int:
    """The bytes before the pixels of so many files."""
    return aligned(HEAD + 8 * COLUMNS * count)


def aligned(size: int) -> int:
    """The bytes that are set aside for so many."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def pixel_bytes(row: Row) -> int:
    """The bytes that the images of a row take."""
    return prod(row[4:7]) + prod(row[7:10])


def _fits(row: Row, start: int, end: int) -> bool:
    return (
        len(row) == COLUMNS
        and all(isinstance(value, int) and value >= 0 for value in row)
        and row[0] == READY
        and start <= row[3]
        and 0 < pixel_bytes(row) <= end - row[3]
    )
