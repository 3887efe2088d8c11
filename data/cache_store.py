"""Where a cache lies: in memory within a budget, or in a file that the next run finds again."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions
from pixlate.util.files import cannot_write, make_folder, write_whole
from pixlate.util.text import shown

from .cache import COLUMNS, ImageCache, Row, aligned, pixel_bytes, table_size
from .image_dataset import ImageDataset, Source
from .memory import SharedMemory, attach, reserve
from .reading import BadImageError

FORMAT = 2
LOOKS = 64  # headers read to estimate the sizes of all images
SPARE = 1.1  # for estimates, and for files that change
SHARE_AUTO, SHARE_ASKED = 0.25, 0.5  # of the free memory, or of the free disk


def open_cache(dataset: ImageDataset[Any], options: DataOptions) -> "Kept | None":
    """A cache for a data set as `--cache` says; None where there is none to have.

    `auto`: memory if a quarter of what is free is enough, else a file if a quarter of the free disk is, else as
    many images as that quarter of the memory holds. Raises DataError where a file that was asked for cannot be
    written.
    """
    sources = list(dict.fromkeys(source for group in dataset.groups for source in group))
    needed = _needed(dataset, sources)
    if options.cache == "ram":
        return _in_memory(sources, min(needed, int(SHARE_ASKED * free_memory())))
    if options.cache == "disk":
        return _in_file(dataset, sources, needed, SHARE_ASKED)
    if options.cache == "auto":
        budget = int(SHARE_AUTO * free_memory())
        if needed > budget:
            with contextlib.suppress(DataError):
                return _in_file(dataset, sources, needed, SHARE_AUTO)
        return _in_memory(sources, min(needed, budget))
    return None


@dataclass
class Kept:
    """An open cache, and the file that it lies in, if any; `close` saves what the file has gained."""

    images: ImageCache
    path: Path | None = None
    claim: int = -1

    def close(self) -> None:
        """Write down what the file holds, once it really does, and let go of it."""
        if self.path is None:
            return
        rows = [[str(source.path), list(source.sides), row] for source, row in self.images.rows().items()]
        with contextlib.suppress(OSError, DataError):  # what is not written down is decoded again
            with open(self.path, "rb") as file:
                os.fsync(file.fileno())
            write_whole(_index(self.path), json.dumps({"format": FORMAT, "rows": rows}).encode())
        os.close(self.claim)
        self.path = None


def free_memory() -> int:
    """The bytes of memory that can be had without swapping, in this container where there is one."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        free = min(free, max(0, int(limit) - int(used)))
    return free


def cache_folder(given: str) -> Path:
    """The folder of cache files: `--cache_dir`, else pixlate's in the user's cache folder."""
    if given:
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "pixlate"


def _needed(dataset: ImageDataset[Any], sources: Sequence[Source]) -> int:
    total = seen = 0
    for source in sources[:: max(1, len(sources) // LOOKS)]:
        with contextlib.suppress(BadImageError):
            sizes = [dataset.transform.resized(size) for size in dataset.sizes(source)]
            pixels = zip(source.sides, sizes, strict=True)
            total += aligned(sum(width * height * dataset.channels[side] for side, (width, height) in pixels))
            seen += 1
    each = total / max(1, seen) * (1.0 if dataset.transform.preprocess == "resize_and_crop" else SPARE)
    return table_size(len(sources)) + int(len(sources) * each)


def _in_memory(sources: Sequence[Source], size: int) -> Kept | None:
    if size <= table_size(len(sources)):
        return None
    try:
        return Kept(ImageCache(SharedMemory(size), sources))
    except OSError:
        return None


def _in_file(dataset: ImageDataset[Any], sources: Sequence[Source], needed: int, share: float) -> Kept:
    folder = make_folder(cache_folder(dataset.shared.cache_dir))
    path = folder / _name(dataset)
    claim = _claim(path)
    try:
        rows = _good_rows(path, sources)
        size = path.stat().st_size if path.exists() else 0
        used = max((row[3] + aligned(pixel_bytes(row)) for row in rows.values()), default=table_size(len(sources)))
        missing = needed - table_size(len(sources)) - sum(aligned(pixel_bytes(row)) for row in rows.values())
        if size - used < missing:
            rows = {}
            size = _make(path, int(SPARE * needed), share)
        table = attach(str(path), size)[: table_size(len(sources))]
        table.zero_()  # the index alone says what is good
        images = ImageCache(_FileMemory(str(path), size, attach(str(path), size)), sources)
        images.restore(rows)
        return Kept(images, path, claim)
    except BaseException as error:
        os.close(claim)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


@dataclass
class _FileMemory:
    name: str
    size: int
    bytes: Tensor


def _name(dataset: ImageDataset[Any]) -> str:
    """A file name that depends on whatever the scaled images depend on, but not on which files there are."""
    transform = dataset.transform
    facts = [
        *(FORMAT, type(dataset).__qualname__, str(dataset.root.resolve()), dataset.shared.phase, dataset.channels),
        *(transform.preprocess, transform.load_size, transform.crop_size),
    ]
    digest = hashlib.sha256(json.dumps(facts).encode(errors="surrogateescape")).hexdigest()
    return f"{dataset.shared.phase}-{digest[:16]}.pixels".replace(os.sep, "_")


def _index(path: Path) -> Path:
    return path.with_suffix(".json")


def _claim(path: Path) -> int:
    """An open lock, so that two runs do not write into one file. Raises DataError when another run has it."""
    try:
        claim = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(claim)
        raise DataError(
            f"the cache {shown(path)} is in use by another run: use --cache ram, or another --cache_dir."
        ) from None
    return claim


def _good_rows(path: Path, sources: Sequence[Source]) -> dict[Source, Row]:
    """The rows that the index names for files that are unchanged since."""
    known = {(str(source.path), source.sides): source for source in sources}
    good: dict[Source, Row] = {}
    try:
        index = json.loads(_index(path).read_bytes())
        for name, sides, row in index["rows"] if index["format"] == FORMAT else ():
            source = known.get((name, tuple(sides)))
            if source is not None and len(row) == COLUMNS and all(type(value) is int for value in row):
                status = os.stat(source.path)
                if [status.st_size, status.st_mtime_ns] == row[1:3]:
                    good[source] = row
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return good


def _make(path: Path, size: int, share: float) -> int:
    """A new file of that size. Raises DataError when that is more than may be taken of the disk."""
    _index(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    free = shutil.disk_usage(path.parent).free
    if size > share * free:
        raise DataError(
            f"a cache of {size >> 20} MiB is too large for {shown(path.parent)}, where {free >> 20} MiB are free: name "
            "another --cache_dir, or use --cache ram or --cache off."
        )
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        reserve(descriptor, size)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)
    return size
