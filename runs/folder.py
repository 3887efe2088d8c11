"""A run's folder: one process at a time writes to it, and what earlier processes left in it is removed."""

import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from pixlate.errors import DataError
from pixlate.options.command.stored import FILE as OPTIONS
from pixlate.util.files import cannot_write, is_running, make_folder

from .checkpoints.store import has_state

log = logging.getLogger(__name__)

LOCK = ".lock"
#: Where a run or a gallery writes; a process that was killed may have left temporary files there.
WRITTEN_FOLDERS = (".", "web", "web/images", "images")
#: The files of a run, which starting it again from scratch removes, beside its web/ folder.
RUN_FILES = ("*_state.pt*", "*_net_*.pth", "*.jsonl", "loss_log.txt", OPTIONS)
#: The errors by which file systems say that they have no locks.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


@contextmanager
def claimed_folder(folder: Path) -> Iterator[None]:
    """Create the folder where it is missing and hold its lock within this block, stale temporary files removed.

    The lock is released however the process ends, and processes that were forked from this one do not hold it. A
    folder that is still empty at the end is removed. A file system without locks is warned about, and used without.
    Raises DataError when another process holds the lock, with its number, and when the folder cannot be written.
    """
    make_folder(folder)
    lock = _locked(folder)
    try:
        remove_stale_files(folder)
        yield
    finally:
        _remove_if_empty(folder)  # while the lock is still held
        if lock is not None:
            lock.release()


def has_checkpoints(folder: Path) -> bool:
    """Whether a run folder holds a training state or network files, in the reference's format or ours."""
    return has_state(folder) or any(folder.glob("*_net_*.pth"))


def remove_run_files(folder: Path) -> None:
    """Remove what an earlier run of that name left; links are removed, never followed. Raises DataError."""
    try:
        for pattern in RUN_FILES:
            for path in folder.glob(pattern):
                if path.is_symlink() or path.is_file():
                    path.unlink()
        web = folder / "web"
        if web.is_symlink():
            web.unlink()
        elif web.is_dir():
            shutil.rmtree(web)
    except OSError as error:
        raise cannot_write(folder, error) from error


def remove_stale_files(folder: Path) -> None:
    """Remove the temporary files of processes that have ended from a run's or a gallery's folder."""
    for written in WRITTEN_FOLDERS:
        if (folder / written).is_symlink():
            continue
        for path in (folder / written).glob(".part-*"):
            if not _is_being_written(path.name):
                with suppress(OSError):
                    path.unlink()


def _locked(folder: Path) -> FileLock | None:
    """The held lock of a folder; None where the file system has no locks."""
    path = folder / LOCK
    soft = FileLock is SoftFileLock  # where Python has no fcntl: a marker file, which holds the process number already
    # The short wait is for the moment in which another process ends. Where only the file system has no locks, no marker
    # file takes their place: it would outlive a process that is killed.
    lock = FileLock(
        path, timeout=0.1, poll_interval=0.02, fallback_to_soft=False, on_acquired=None if soft else _note_process
    )
    try:
        lock.acquire()
    except Timeout:
        holder = lock.pid if soft else _holder(path)
        raise DataError(
            f"run '{folder.name}' is in use by process {holder or 'unknown'}: wait for it, or choose another --name."
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise cannot_write(path, error) from error
        log.warning(
            f"The file system of '{folder}' has no locks: make sure that no other process trains '{folder.name}'."
        )
        return None
    return lock


def _note_process(descriptor: int) -> None:
    """Write the process number into the lock file, after the first byte, which no other process can read on Windows."""
    with suppress(OSError):  # only the number in the error is missing where the disk is full
        os.truncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f" {os.getpid()}\n".encode())


def _holder(path: Path) -> str:
    """The number of the process that holds the lock, as it is in the lock file; empty where that cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(1)
            return file.read(20).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds its lock alone: the run failed before it had anything to keep."""
    with suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()


def _is_being_written(name: str) -> bool:
    """Whether the process in a temporary file's name (.part-<process>-…) is running; other names have none."""
    number = name.removeprefix(".part-").split("-")[0]
    return number.isdigit() and int(number) != os.getpid() and is_running(number)
