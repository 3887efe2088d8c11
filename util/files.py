"""Files that are whole or absent, whatever happens while they are written."""

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

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def atomic_write(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """A new file beside `path` to write to, which takes its place when the block ends without an error.

    A reader finds the old file or the new one, never a part. The temporary file is created exclusively, so that no
    link that somebody planted under its name is followed. `durable` flushes the file before the rename and the folder
    after it, so that this holds after a power failure too. Raises DataError, with the path and the cause, when it
    cannot be written; whatever the block raises otherwise is passed on.
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
            _flush_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def atomic_link(path: Path, name: Path) -> None:
    """Give a file a second name, in place of what had that name; copied where the file system has no hard links.

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
            temporary.unlink(missing_ok=True)  # POSIX renames nothing where both names are of one file already


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
    """The sentence for a file or folder that cannot be written."""
    advice = ""
    if error.errno in _FULL:
        advice = " Free some space, then run the same command again."
    elif error.errno in _REFUSED:
        advice = " Name a folder that you may write to."
    return DataError(f"'{path}' cannot be written: {error.strerror or error}.{advice}")


def _temporary_path(path: Path) -> Path:
    """The numbers of process and thread tell files of running processes from stale ones (runs/folder.py)."""
    return path.with_name(f".part-{os.getpid()}-{threading.get_ident()}-{zlib.crc32(os.fsencode(path.name)):08x}")


def _create(path: Path) -> BinaryIO:
    """Open a file that must not exist yet."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):  # not every system has every flag
        flags |= getattr(os, name, 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


def _flush_folder(folder: Path) -> None:
    """Wait until a rename within the folder is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_running(process: str) -> bool:
    """Whether the process of that number, as a file's name tells it, is running; True where this cannot be known."""
    if os.name != "posix" or not process.isdigit():
        return True
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True
