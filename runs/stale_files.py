"""Files that an earlier process began to write and never finished."""

import os
from contextlib import suppress
from pathlib import Path

FOLDERS = (".", "web", "web/images", "images")


def remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files of processes that have ended from a run's or a gallery's folder."""
    for inside in FOLDERS:
        if (folder / inside).is_symlink():
            continue
        for path in (folder / inside).glob(".part-*"):
            if not _being_written(path.name):
                with suppress(OSError):
                    path.unlink()


def _being_written(name: str) -> bool:
    """Whether the process that a name tells (.part-<process>-<thread>) is alive; other names tell none."""
    number = name.removeprefix(".part-").split("-")[0]
    if not number.isdigit() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
