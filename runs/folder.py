"""A run's folder: its lock, which lets one process at a time write to it, and the removal of old files."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from pixlate.errors import DataError
from pixlate.options.command.stored import FILE as OPTIONS
from pixlate.util.files import cannot_write, is_running, make_folder
from pixlate.util.locks import InUseError, acquire

from .checkpoints.store import has_state

log = logging.getLogger(__name__)

LOCK = ".lock"
#: The subfolders of a run or a gallery in which a killed process may have left temporary files.
SUBFOLDERS = (".", "web", "web/images", "images")
#: The files of a run that `--overwrite` removes, as well as its web/ folder.
RUN_FILES = ("*_state.pt*", "*_net_*.pth", "*.jsonl", "loss_log.txt", OPTIONS)


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
    try:
        lock = acquire(folder / LOCK)
    except InUseError as error:
        raise DataError(
            f"run '{folder.name}' is in use by process {error.process}: wait for it, or choose another --name."
        ) from None
    if lock is None:
        log.warning(
            f"The file system of '{folder}' has no locks: make sure that no other process trains '{folder.name}'."
        )
    return lock


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
