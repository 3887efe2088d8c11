"""Keeps resized images in files, one `.npy` each, so that later epochs need not decode them.

What is kept are 8-bit C×H×W pixels before the crop: cropping, flipping and normalising come after it, so a cached image
and a decoded one give the same tensor. A file's name is a hash of all that its pixels depend on (`entry_name`), so
that what lies under a name is never out of date. It is written aside and renamed, and mapped into memory when read:
the processes of a run, and several runs at once, share a folder without locks, and the system shares its memory.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
from numpy.lib import format as npy

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions
from pixlate.util.files import atomic_write, cannot_write, is_running

from .transforms import Pixels

VERSION = 1  # to be raised whenever reading or resizing gives other pixels than before
HEADER = 128  # bytes of a file before its pixels
SHARE_AUTO, SHARE_ASKED = 0.25, 0.5  # of the free memory, or of the free disk
EVICTED = 256  # images to make room for at once: the whole folder is listed each time
MEASURED = 16  # free space is measured again whenever a process has written this part of it
SHARED_MEMORY = Path("/dev/shm")  # a file system in memory, where there is one


def entry_name(path: Path, *facts: object) -> str:
    """The name of the cache file for an image of a file: `facts` are all that its pixels depend on besides the file.

    A file that is changed in any way gets another name. Raises OSError when there is no such file.
    """
    status = os.stat(path)
    stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    key = repr((VERSION, PIL.__version__, os.path.abspath(path), stamp, facts))
    return f"{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}.npy"


class CacheFolder:
    """A folder of cache files that grows to a share of what is free.

    - share: the part of the disk that it may take, of what is free or already its own.
    - memory: the bytes of free memory to leave, for a folder that lies in memory; None for one on a disk.
    """

    def __init__(self, path: Path, share: float, memory: int | None = None) -> None:
        self.path = path
        self._share = share
        self._memory = memory
        self._opened = time.time()
        self._disk: int | None = None  # bytes of the disk to leave free, known from the first `save` on
        self._left = 0  # bytes to write before free space is measured again
        self._full = False

    def load(self, name: str, channels: int) -> Pixels | None:
        """The image of that name; None where there is none, or a file that cannot be one of ours."""
        path = self.path / name
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != _user(status):
                return None
            pixels = npy.open_memmap(path, mode="r")
        except Exception:  # a damaged header makes numpy raise almost anything
            return None
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[0] != channels:
            return None
        if status.st_mtime < self._opened:
            with contextlib.suppress(OSError):
                os.utime(path)  # the time of the last use, on file systems too that note no reading
        return np.asarray(pixels)

    def save(self, name: str, pixels: Pixels) -> bool:
        """Keep an image if there is room. Once there is none, or writing has failed, nothing more is kept."""
        size = HEADER + pixels.nbytes
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
        if self._left < size:
            if self._disk is None:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                own = sum(status.st_size for status, _ in self._entries())
                self._disk = int((1 - self._share) * (shutil.disk_usage(self.path).free + own))
            if self._free() < size:
                self._evict(EVICTED * size)
            free = self._free()
            self._left = max(free // MEASURED, size if free >= size else 0)
        if self._left < size:
            return False
        self._left -= size
        return True

    def _free(self) -> int:
        """The bytes that may still be taken; other programs' use counts as it comes."""
        free = shutil.disk_usage(self.path).free - (self._disk or 0)
        return free if self._memory is None else min(free, free_memory() - self._memory)

    def _evict(self, size: int) -> None:
        """Remove files until so many bytes are free: those used longest ago first, and none that this run used."""
        for status, path in sorted(self._entries(), key=lambda entry: entry[0].st_mtime):
            if status.st_mtime >= self._opened or self._free() >= size:
                return
            Path(path).unlink(missing_ok=True)

    def _entries(self) -> list[tuple[os.stat_result, str]]:
        """Our files, those included that a killed run left half written."""
        entries = []
        with os.scandir(self.path) as listing:
            for entry in listing:
                if entry.name.endswith(".npy") or entry.name.startswith(".part-"):
                    with contextlib.suppress(OSError):  # another run has just removed it
                        entries.append((entry.stat(follow_symlinks=False), entry.path))
        return entries


class ImageCache:
    """The cache folders of a run. An image is kept in the first that has room."""

    def __init__(self, folders: Sequence[CacheFolder], private: Path | None = None) -> None:
        self.folders = folders
        self.private = private  # a folder that goes with the run
        if private is not None:
            weakref.finalize(self, _remove, private, os.getpid())

    def load(self, name: str, channels: int) -> Pixels | None:
        """The image of that name, from whichever folder has it."""
        for folder in self.folders:
            pixels = folder.load(name, channels)
            if pixels is not None:
                return pixels
        return None

    def save(self, name: str, pixels: Pixels) -> None:
        """Keep an image if there is room."""
        any(folder.save(name, pixels) for folder in self.folders)

    def close(self) -> None:
        """Remove what was kept for this run alone."""
        if self.private is not None:
            _remove(self.private, os.getpid())


def open_cache(options: DataOptions) -> ImageCache | None:
    """The cache that `--cache` asks for; None for `off`.

    `ram`: a private folder in memory, within half of what is free, removed at the end. `disk`: a folder in
    `--cache_dir`, within half of the free disk, which later runs use too. `auto`: the first within a quarter of the
    memory, and the second, within a quarter of the disk, for images beyond that. Raises DataError for a `disk` folder
    that cannot be written.
    """
    if options.cache == "off":
        return None
    folders, private = [], None
    share = SHARE_AUTO if options.cache == "auto" else SHARE_ASKED
    if options.cache in ("ram", "auto"):
        with contextlib.suppress(OSError):
            private = _private_folder()
            folders.append(CacheFolder(private, share, memory=int((1 - share) * free_memory())))
    if options.cache in ("disk", "auto"):
        folders.append(CacheFolder(cache_folder(options.cache_dir), share))
    if options.cache == "disk":
        _require_writable(folders[0].path)
    return ImageCache(folders, private)


def cache_folder(cache_dir: str) -> Path:
    """The folder of cache files: in `--cache_dir`, else in the user's cache folder."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "pixlate"
    return (Path(cache_dir).expanduser() if cache_dir else base) / "images"


def free_memory() -> int:
    """The bytes of memory that can be had without swapping, in this container where there is one."""
    free = 2**30
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current"))
        free = min(free, max(0, int(limit) - int(used)))
    return free


def _user(status: os.stat_result) -> int:
    """This process's user; on systems without users of files, the one whose file it is."""
    return os.getuid() if hasattr(os, "getuid") else status.st_uid


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error


def _private_folder() -> Path:
    """A new folder in memory, or where the system has none, among the temporary files."""
    base = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    for path in base.glob("pixlate-cache-*-*"):
        if not is_running(path.name.split("-")[2]):
            shutil.rmtree(path, ignore_errors=True)  # of a run that was killed
    return Path(tempfile.mkdtemp(prefix=f"pixlate-cache-{os.getpid()}-", dir=base))


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked process, which has a copy of the cache
        shutil.rmtree(folder, ignore_errors=True)
