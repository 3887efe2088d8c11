"""Files that are whole or absent, whatever happens while they are written."""

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path

from pixlate.errors import DataError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file aside and rename it: a reader finds the old one or the new one, never a part.

    `durable` flushes it to the disk first, so that this holds after a power failure too.
    Raises DataError, with the path and the cause, when it cannot be written.
    """
    aside = path.with_name(f".part-{os.getpid()}-{threading.get_ident()}")
    try:
        with aside.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink()
        raise cannot_write(path, error) from error


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
