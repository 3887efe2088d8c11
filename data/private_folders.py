"""Folders that belong to one process, in memory where the system has a file system there.

A locked file beside each folder tells whether its process still runs: the folders of killed ones are removed by the
next process that makes one.
"""

import os
import secrets
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from pixlate.errors import DataError
from pixlate.util.locks import InUseError, acquire

SHARED_MEMORY = Path("/dev/shm")  # Linux's file system in memory


class PrivateFolder:
    """A new folder that only this user can read; it is removed by `remove`, or at the end of the process.

    - purpose: a part of its name.

    A copy of this object in another process does not own the folder. Raises OSError where no folder can be made.
    """

    def __init__(self, purpose: str) -> None:
        self.path, lock = _make(f"pixlate-{purpose}-")
        self._finalizer: weakref.finalize[..., PrivateFolder] | None = weakref.finalize(
            self, _remove, self.path, lock, os.getpid()
        )

    def remove(self) -> None:
        """Remove the folder with its content."""
        if self._finalizer is not None:
            self._finalizer()

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "_finalizer": None}


def _make(prefix: str) -> tuple[Path, FileLock | None]:
    """A new folder and its lock, in the first place where both can be made."""
    refusal: OSError | DataError | None = None
    for base in (SHARED_MEMORY, Path(tempfile.gettempdir())):
        path = base / f"{prefix}{secrets.token_hex(8)}"
        try:
            if not base.is_dir():
                continue
            _remove_abandoned(base, prefix)
            lock = acquire(_lock_file(path))  # before the folder, which is otherwise taken for one of a killed process
            try:
                path.mkdir(mode=0o700)
            except OSError:
                _release(path, lock)
                raise
            return path, lock
        except (OSError, DataError) as error:
            refusal = error
    raise refusal if isinstance(refusal, OSError) else OSError(str(refusal or "there is no folder for temporary files"))


def _remove_abandoned(base: Path, prefix: str) -> None:
    """Remove the folders of processes that have ended; those of other users are left to them."""
    for lock_file in base.glob(f"{prefix}*.lock"):
        with suppress(OSError, DataError, InUseError):
            status = lock_file.lstat()
            if hasattr(os, "getuid") and status.st_uid != os.getuid():
                continue
            lock = acquire(lock_file, timeout=0)
            if lock is not None:  # else the file system has no locks, and nothing is known
                shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
                _release(lock_file.with_suffix(""), lock)


def _remove(path: Path, lock: FileLock | None, owner: int) -> None:
    if os.getpid() == owner:  # a forked process has a copy of the folder's object and of its finalizer
        shutil.rmtree(path, ignore_errors=True)
        _release(path, lock)


def _release(path: Path, lock: FileLock | None) -> None:
    """Release a folder's lock. Its file stays where the folder does, as on Windows while one of its files is open."""
    if not path.exists():
        with suppress(OSError):
            _lock_file(path).unlink()
    if lock is not None:
        lock.release()


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")
