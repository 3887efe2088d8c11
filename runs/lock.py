"""One process at a time may write to a run's folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixlate.errors import DataError
from pixlate.util.files import cannot_write


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock within this block; it is freed however the process ends.

    Raises DataError, naming the process that holds it, when the run is in use.
    """
    path = folder / ".lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
            raise DataError(
                f"run '{folder.name}' is in use by process {holder}: wait for it, or choose another --name."
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)
