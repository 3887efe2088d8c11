"""Temporary files that killed processes have left."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .files import is_running

#: The subfolders of a run or a gallery in which a killed process may have left temporary files.
SUBFOLDERS = (".", "web", "web/images", "images")
#: The names of a temporary file, see `atomic_write`; the number is that of its process.
TEMPORARY = re.compile(r"\.part-(\d+)-[0-9a-f-]+")


def remove_stale_files(folder: Path, subfolders: Iterable[str] = SUBFOLDERS) -> None:
    """Remove the temporary files of processes that have ended from sub-folders of a run's or a gallery's folder."""
    for subfolder in subfolders:
        if (folder / subfolder).is_symlink():
            continue
        for path in (folder / subfolder).glob(".part-*"):
            match = TEMPORARY.fullmatch(path.name)
            if match and (int(match[1]) == os.getpid() or not is_running(match[1])):
                with suppress(OSError):
                    path.unlink()
