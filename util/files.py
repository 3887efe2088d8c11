"""Files that are whole or absent, whatever happens while they are written."""

import errno
import os
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

    A reader finds the old file or the new one, never a part. The file written aside is created exclusively, so that
    no link that somebody planted under its name is followed. `durable` flushes it to the disk before the rename, so
    that this holds after a power failure too. Raises DataError, with the path and the cause, when it cannot be
    written; whatever the block raises otherwise is passed on.
    """
    # The names of process and thread tell files of the living from those of the dead (runs/stale_files.py).
    aside = path.with_name(f".part-{os.getpid()}-{threading.get_ident()}-{zlib.crc32(os.fsencode(path.name)):08x}")
    try:
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, _new_file_flags(), 0o666), "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


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


def _new_file_flags() -> int:
    """To open a file that must not exist yet; not every system knows every flag."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    return flags
