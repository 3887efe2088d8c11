"""Lock files: they admit one process at a time, and are released however that process ends."""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from .files import cannot_write
from .text import quoted

log = logging.getLogger(__name__)

#: The errors of file systems that do not support locks.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


class InUseError(Exception):
    """A lock is held by another process, whose number is `process`; "unknown" where it could not be read."""

    def __init__(self, process: str) -> None:
        super().__init__(f"in use by process {process}")
        self.process = process


def acquire(path: Path, *, timeout: float = 0.1) -> FileLock | None:
    """The lock of a lock file, held until its `release`; None where the file system has no locks.

    Forked child processes do not hold it.

    - timeout: how long to wait for another process, in seconds; the default bridges the moment in which one ends, and
      -1 waits until it does.

    Raises InUseError when another process still holds it, DataError when the lock file cannot be written.
    """
    # Where Python has no fcntl, filelock's lock is a marker file, which contains the process number already.
    soft = FileLock is SoftFileLock
    # There is no fallback to a marker file where only the file system has no locks: it would outlive a killed process,
    # and lock the folder for good.
    lock = FileLock(
        path,
        timeout=timeout,
        poll_interval=0.02,
        thread_local=False,  # any thread may release it: finalizers run in whichever drops the last reference
        fallback_to_soft=False,
        on_acquired=None if soft else _note_process,
    )
    try:
        lock.acquire()
    except Timeout:
        raise InUseError(str((lock.pid if soft else holder(path)) or "unknown")) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise cannot_write(path, error) from error
        return None
    return lock


@contextmanager
def only_maker(folder: Path) -> Iterator[None]:
    """Within this block no other process that uses this function makes the folder; waits for one that does.

    The lock file lies hidden beside the folder, and is removed at the end. On a file system without locks there is a
    warning, and no lock. Raises DataError when the lock file cannot be written.
    """
    path = folder.with_name(f".{folder.name}.lock")
    try:
        lock = acquire(path)
    except InUseError as error:
        log.info(f"Process {error.process} is making {quoted(folder)} already: waiting for it.")
        lock = acquire(path, timeout=-1)
    if lock is None:
        log.warning(f"The file system of {quoted(folder)} has no locks: make sure that no other process makes it.")
    try:
        yield
    finally:
        if lock is not None:
            with suppress(OSError):
                path.unlink()  # before the release: those who wait make a new one
            lock.release()


def _note_process(descriptor: int) -> None:
    """Write the process number into the lock file, after the first byte, which Windows lets no other process read."""
    with suppress(OSError):  # on a full disk only the number in another process's error is missing
        os.truncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f" {os.getpid()}\n".encode())


def holder(path: Path) -> str:
    """The number of the process that held the lock last, from the lock file; empty where that cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(1)
            return file.read(20).decode("ascii", "replace").strip()
    except OSError:
        return ""
