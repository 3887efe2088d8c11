"""A run's folder: its lock, which lets one process at a time write to it, and the removal of old files."""

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
#: The subfolders of a run or a gallery in which a killed process may have left temporary files.
SUBFOLDERS = (".", "web", "web/images", "images")
#: The files of a run that `--overwrite` removes, as well as its web/ folder.
RUN_FILES = ("*_state.pt*", "*_net_*.pth", "*.jsonl", "loss_log.txt", OPTIONS)
#: The errors of file systems that do not support locks.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


@contextmanager
def claimed_folder(folder: Path) -> Iterator[None]:
    """Within this block the folder exists and is locked; stale temporary files are removed at its start.

    The lock is released however the process ends, and forked child processes do not hold it. A folder that is still
    empty at the end is removed. On a file system without locks there is a warning, and no lock. Raises DataError, with
    the process number, when another process holds the lock, and when the folder cannot be written.
    """
    make_folder(folder)
    lock = _locked(folder)
    try:
        remove_stale_files(folder)
        yield
    finally:
        _remove_if_empty(folder)  # before the release: afterwards another process may have locked it
        if lock is not None:
            lock.release()


def has_checkpoints(folder: Path) -> bool:
    """Whether a run folder holds a training state or network files, in the reference's format or ours."""
    return has_state(folder) or any(folder.glob("*_net_*.pth"))


def remove_run_files(folder: Path) -> None:
    """Remove the files of an earlier run of that name; links are removed, never followed. Raises DataError."""
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
    for subfolder in SUBFOLDERS:
        if (folder / subfolder).is_symlink():
            continue
        for path in (folder / subfolder).glob(".part-*"):
            if not _is_being_written(path.name):
                with suppress(OSError):
                    path.unlink()


def _locked(folder: Path) -> FileLock | None:
    """The held lock of a folder; None where the file system has no locks."""
    path = folder / LOCK
    # Where Python has no fcntl, filelock's lock is a marker file, which contains the process number already.
    soft = FileLock is SoftFileLock
    # The timeout bridges the moment in which another process ends. There is no fallback to a marker file where only
    # the file system has no locks: it would outlive a killed process, and lock the run for good.
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
    """Write the process number into the lock file, after the first byte, which Windows lets no other process read."""
    with suppress(OSError):  # on a full disk only the number in another process's error is missing
        os.truncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f" {os.getpid()}\n".encode())


def _holder(path: Path) -> str:
    """The number of the process that holds the lock, from the lock file; empty where that cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(1)
            return file.read(20).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder that contains nothing but its lock: the run failed before it wrote anything."""
    with suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()


def _is_being_written(name: str) -> bool:
    """Whether another process, whose number is in the file's name (.part-<process>-…), may still be writing it."""
    number = name.removeprefix(".part-").split("-")[0]
    return number.isdigit() and int(number) != os.getpid() and is_running(number)
