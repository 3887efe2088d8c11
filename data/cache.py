"""Caches resized images in files, one `.npy` each, so that later epochs need not decode them.

Cached are C×H×W pixels, of 8 bits or float32, before the crop: cropping and flipping are done afterwards, so that a
cached image and a decoded one give the same tensor. A file's name is a hash of everything that its pixels depend on
(`entry_name`), so that a file never becomes outdated. It is written under a temporary name and renamed, and mapped into
memory when read: the processes of a run, and several runs at once, share a folder without locks, and share its pages.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
from numpy.lib import format as npy

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions
from pixlate.util.files import atomic_write, cannot_write

from .memory import free_memory
from .private_folders import PrivateFolder
from .transforms import Pixels

VERSION = 2  # must be raised whenever reading or resizing gives other pixels than before
HEADER_BYTES = 128  # of a .npy file, before its pixels
AUTO_SHARE, EXPLICIT_SHARE = 0.25, 0.5  # of the free memory or disk space that a cache may use
EVICTION_IMAGES = 256  # images to make room for at once, because each eviction lists the whole folder
BUDGET_DIVISOR = 16  # free space is measured again after this fraction of it has been written
STALE_SECONDS = 86_400.0  # after which an incomplete file is one that a killed run has left


def entry_name(path: Path, *facts: object) -> str:
    """The name of the cache file for an image file; `facts` are what its pixels depend on besides the file.

    Any change of the image file changes the name. Raises OSError if there is no such file.
    """
    status = os.stat(path)
    # Inode and status-change time reveal a replacement of the same size and modification time.
    stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    key = repr((VERSION, PIL.__version__, os.path.abspath(path), stamp, facts))
    return f"{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}.npy"


class CacheFolder:
    """A folder of cache files, limited to a share of the free space.

    - share: the share of the disk that it may use, of the space that is free or already used by it.
    - reserved_memory: the bytes of memory to leave free, for a folder in memory; None for one on a disk.
    """

    def __init__(self, path: Path, share: float, reserved_memory: int | None = None) -> None:
        self.path = path
        self._share = share
        self._reserved_memory = reserved_memory
        self._reserved_disk: int | None = None  # bytes of the disk to leave free, computed at the first `save`
        self._opened_time = time.time()
        self._write_budget = 0  # bytes to write before free space is measured again
        self._full = False

    def load(self, name: str, channels: int, *, deep: bool = False) -> Pixels | None:
        """The C×H×W image of that name, float32 if `deep`; None if there is none, or no valid file of this user.

        Links and files of other users are ignored: in a shared folder anybody could have put them there.
        """
        path = self.path / name
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != _user(status):
                return None
            pixels = npy.open_memmap(path, mode="r")
        except Exception:  # numpy raises many types for a damaged header: ValueError, SyntaxError, MemoryError, …
            return None
        if pixels.dtype != (np.float32 if deep else np.uint8) or pixels.ndim != 3 or pixels.shape[0] != channels:
            return None
        if status.st_mtime < self._opened_time:
            with contextlib.suppress(OSError):
                os.utime(path)  # the modification time serves as time of last use: many disks are mounted with noatime
        return np.asarray(pixels)

    def save(self, name: str, pixels: Pixels) -> bool:
        """Cache an image if there is room, and return whether it was cached.

        Once there is no room, or writing has failed, nothing more is written in this process.
        """
        size = HEADER_BYTES + pixels.nbytes
        try:
            if self._full or not self._has_room(size):
                self._full = True
                return False
            with atomic_write(self.path / name) as file:
                npy.write_array(file, np.ascontiguousarray(pixels), allow_pickle=False)
        except (OSError, DataError):
            self._full = True
            return False
        return True

    def _has_room(self, size: int) -> bool:
        # Several processes write at once, and each measures only now and then: with a budget of a small fraction of the
        # free space, they exceed it by little.
        if self._write_budget < size:
            if self._reserved_disk is None:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._remove_stale()
                used = sum(status.st_size for status, _ in self._entries())
                self._reserved_disk = int((1 - self._share) * (shutil.disk_usage(self.path).free + used))
            if self._available() < size:
                self._evict(EVICTION_IMAGES * size)
            available = self._available()
            self._write_budget = max(available // BUDGET_DIVISOR, size if available >= size else 0)
        if self._write_budget < size:
            return False
        self._write_budget -= size
        return True

    def _available(self) -> int:
        """The bytes that may still be written now; what other programs use reduces them."""
        available = shutil.disk_usage(self.path).free - (self._reserved_disk or 0)
        if self._reserved_memory is None:
            return available
        return min(available, free_memory() - self._reserved_memory)

    def _evict(self, size: int) -> None:
        """Remove the least recently used files until `size` bytes are available; none that this run has used."""
        for status, path in sorted(self._entries(), key=lambda entry: entry[0].st_mtime):
            if status.st_mtime >= self._opened_time or self._available() >= size:
                return
            Path(path).unlink(missing_ok=True)

    def _remove_stale(self) -> None:
        """Remove the incomplete files of killed runs."""
        for status, path in self._entries():
            if Path(path).name.startswith(".part-") and status.st_mtime < time.time() - STALE_SECONDS:
                with contextlib.suppress(OSError):
                    os.unlink(path)

    def _entries(self) -> list[tuple[os.stat_result, str]]:
        """The cache's files, including incomplete ones of killed runs."""
        entries = []
        with os.scandir(self.path) as listing:
            for entry in listing:
                if entry.name.endswith(".npy") or entry.name.startswith(".part-"):
                    with contextlib.suppress(OSError):  # another run may just have removed it
                        entries.append((entry.stat(follow_symlinks=False), entry.path))
        return entries


class ImageCache:
    """The cache folders of a run. An image is written to the first one that has room.

    - private: the folder that only this run uses, and that is removed with it.
    """

    def __init__(self, folders: Sequence[CacheFolder], private: PrivateFolder | None = None) -> None:
        self.folders = folders
        self.private = private

    def load(self, name: str, channels: int, *, deep: bool = False) -> Pixels | None:
        """The C×H×W image of that name from the first folder that has it, or None."""
        for folder in self.folders:
            pixels = folder.load(name, channels, deep=deep)
            if pixels is not None:
                return pixels
        return None

    def save(self, name: str, pixels: Pixels) -> None:
        """Cache an image if there is room."""
        any(folder.save(name, pixels) for folder in self.folders)

    def close(self) -> None:
        """Remove the private folder."""
        if self.private is not None:
            self.private.remove()


def open_cache(options: DataOptions) -> ImageCache | None:
    """The cache of `--cache`; None for `off`.

    - `ram`: a private folder in memory, of up to half of what is free, removed at the end.
    - `disk`: a folder in `--cache_dir`, of up to half of the free disk space, which later runs use too.
    - `auto`: up to a quarter of the free memory, then up to a quarter of the free disk space.

    Raises DataError for a `disk` folder that cannot be written, or is unknown because the user has no home folder.
    """
    if options.cache == "off":
        return None
    folders, private = [], None
    share = AUTO_SHARE if options.cache == "auto" else EXPLICIT_SHARE
    if options.cache in ("ram", "auto"):
        with contextlib.suppress(OSError):
            private = PrivateFolder("cache")
            folders.append(CacheFolder(private.path, share, reserved_memory=int((1 - share) * free_memory())))
    disk_folder = cache_folder(options.cache_dir)
    if options.cache == "disk":
        _require_writable(disk_folder)
    if options.cache in ("disk", "auto") and disk_folder is not None:
        folders.append(CacheFolder(disk_folder, share))
    return ImageCache(folders, private)


def cache_folder(cache_dir: str) -> Path | None:
    """The folder of cache files: `images` in `--cache_dir`, else in the user's cache folder; None without a home."""
    if cache_dir:
        return Path(cache_dir).expanduser() / "images"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return None if base.startswith("~") else Path(base) / "pixlate" / "images"


def _user(status: os.stat_result) -> int:
    """The user of this process; on Windows, which has no user ids, that of the file."""
    return os.getuid() if hasattr(os, "getuid") else status.st_uid


def _require_writable(folder: Path | None) -> None:
    if folder is None:
        raise DataError("the home folder, which holds the cache by default, is unknown: give --cache_dir.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error
