"""Atomic writes: a file is complete or absent, whatever happens while it is written."""

import errno
import os
import shutil
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pixlate.errors import DataError

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_PERMITTED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def atomic_write(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """A new file beside `path` to write to, which takes its place when the block ends without an error.

    A reader sees the old file or the new one, never a part. The temporary file is created exclusively (O_EXCL), so
    that a symbolic link of its name, planted by another user, is not followed. `durable` flushes the file before the
    rename and the folder after it, so that this holds after a power failure too. Raises DataError, with the path and
    the cause, when the file cannot be written; other errors of the block are passed on.
    """
    temporary = _temporary_path(path)
    try:
        temporary.unlink(missing_ok=True)
        with _create(temporary) as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
            _flush_folder(path.parent)  # POSIX: a rename is durable only when its folder has been flushed
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def atomic_link(path: Path, name: Path) -> None:
    """Give a file a second name, replacing the file of that name; a copy where the file system has no hard links.

    Raises DataError when the second name cannot be written.
    """
    temporary = _temporary_path(name)
    try:
        temporary.unlink(missing_ok=True)
        try:
            os.link(path, temporary)
        except OSError:
            with path.open("rb") as source, atomic_write(name, durable=True) as copy:
                shutil.copyfileobj(source, copy)
            return
        temporary.replace(name)
    except OSError as error:
        raise cannot_write(name, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)  # rename() leaves it if both names are links to one file already (POSIX)


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file's content with `atomic_write`."""
    with atomic_write(path, durable=durable) as file:
        file.write(data)


def make_folder(path: Path) -> Path:
    """Create a folder and its parents where they are missing. Raises DataError when that is impossible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def cannot_write(path: Path, error: OSError) -> DataError:
    """The DataError for a file or folder that cannot be written, with advice where the cause is known."""
    advice = ""
    if error.errno in _DISK_FULL:
        advice = " Free some space, then run the same command again."
    elif error.errno in _NOT_PERMITTED:
        advice = " Name a folder that you may write to."
    return DataError(f"'{path}' cannot be written: {error.strerror or error}.{advice}")


def _temporary_path(path: Path) -> Path:
    """A name beside the file: by its process number, runs/folder.py tells files being written from stale ones."""
    return path.with_name(f".part-{os.getpid()}-{threading.get_ident()}-{zlib.crc32(os.fsencode(path.name)):08x}")


def _create(path: Path) -> BinaryIO:
    """Open a file that must not exist yet."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):  # not every system has every flag
        flags |= getattr(os, name, 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


def _flush_folder(folder: Path) -> None:
    """Wait until a rename within the folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_running(process: str) -> bool:
    """Whether a process is running, by its number as text; True where this cannot be known."""
    if os.name != "posix" or not process.isdigit():
        return True
    try:
        os.kill(int(process), 0)  # signal 0 is not delivered: it only checks that the process exists
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True
