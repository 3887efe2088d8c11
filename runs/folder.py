"""A run's folder: its lock, which lets one process at a time write to it, and which of its files are pixlate's."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from pixlate.errors import DataError, OptionError
from pixlate.options.command.stored import FILE as OPTIONS
from pixlate.util.files import make_folder
from pixlate.util.locks import InUseError, acquire
from pixlate.util.owned import RECORD, OwnFiles
from pixlate.util.stale_files import remove_stale_files
from pixlate.util.text import quoted

from .checkpoints.store import has_state

log = logging.getLogger(__name__)

LOCK = ".lock"
#: The files that a run writes.
RUN_FILES = (
    *("latest_state.pt*", "previous_state.pt*", "*_net_*.pth", OPTIONS, "train_opt.txt"),
    *("loss_log.txt", "losses.jsonl", "timing.jsonl", "web/index.html", "web/shown.jsonl"),
    *("web/images/epoch[0-9][0-9][0-9]*_*.png", "web/images/held_out_epoch[0-9][0-9][0-9]*_*.png"),
)


@contextmanager
def claimed_folder(folder: Path) -> Iterator[None]:
    """Within this block the folder exists and is locked; stale temporary files are removed at its start.

    The lock is released however the process ends, and forked child processes do not hold it. A folder in which nothing
    was written is left as it was found. On a file system without locks there is a warning, and no lock. Raises
    DataError, with the process number, when another process holds the lock, and when the folder cannot be written.
    """
    existed, locked_before = folder.is_dir(), (folder / LOCK).exists()
    make_folder(folder)
    lock = _locked(folder)
    try:
        remove_stale_files(folder)
        yield
    finally:
        # Before the release: afterwards another process may have locked it.
        if not locked_before and not (folder / RECORD).exists():
            _leave(folder, remove=not existed)
        if lock is not None:
            lock.release()


def has_checkpoints(folder: Path) -> bool:
    """Whether a run folder holds a training state or network files, in the reference's format or ours."""
    return has_state(folder) or any(folder.glob("*_net_*.pth"))


def require_own_files(files: OwnFiles, name: str) -> None:
    """Raise OptionError if a new run of that name would replace a file that pixlate did not write."""
    foreign = next(files.foreign(RUN_FILES), None)
    if foreign is not None:
        raise OptionError(
            f"{quoted(foreign)} was not written by pixlate, and run '{name}' would replace it: move it, or choose "
            "another --name."
        )


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


def _leave(folder: Path, *, remove: bool) -> None:
    """Remove the lock of a folder in which nothing was written, and with `remove` the folder if it is empty then."""
    with suppress(OSError):
        (folder / LOCK).unlink(missing_ok=True)
        if remove:
            folder.rmdir()
