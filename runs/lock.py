"""One process at a time may write to a run's folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pixlate.errors import DataError
from pixlate.util.files import cannot_write

FILE = ".lock"
_held: set[int] = set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock within this block; it is freed however the process ends.

    A file system without locks is taken as it is. Raises DataError, naming the process that holds it, when the run
    is in use.
    """
    path = folder / FILE
    handle = _claimed(path)
    _held.add(handle)
    try:
        with suppress(OSError):  # only who holds it is lost where the disk is full
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        _held.discard(handle)
        os.close(handle)


def _claimed(path: Path) -> int:
    """The open, locked file that is at `path` now: not one that was removed while it was being locked."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise DataError(
                f"run '{path.parent.name}' is in use by process {holder}: wait for it, or choose another --name."
            ) from None
        except OSError:
            return handle
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        os.close(handle)


def _let_go() -> None:
    """A forked process, which loads images, must not keep a run locked that has died."""
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)
