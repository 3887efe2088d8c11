"""The record of the files that pixlate wrote into a folder: a run or a test removes and replaces these alone.

`pixlate_files.txt` lists them, one path a line, relative to its folder and with "/" between names. A path is recorded
before its file is written, so that a killed process leaves no file that is not recorded.
"""

import errno
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath
from typing import IO

from pixlate.errors import DataError

from .files import cannot_write, open_regular
from .text import quoted

RECORD = "pixlate_files.txt"
HEADING = "# Files that pixlate wrote here. Whatever is not listed is never removed or replaced."
MAX_BYTES = 2**26  # of a record that is read: a million names


class OwnFiles:
    """The files that pixlate wrote into a folder, from this and from earlier processes.

    - folder: may be absent as long as nothing is recorded.
    - adopt: existing files that are not recorded count as pixlate's when they are claimed, as in a run that is resumed
      from a copy without its record.

    A record is content that anybody may have written: an entry that is not a plain path inside the folder, or leads
    through a symbolic link, is ignored. May be used from several threads. Raises DataError where the record cannot be
    read.
    """

    def __init__(self, folder: Path, *, adopt: bool = False) -> None:
        self.folder = folder
        self._adopt = adopt
        self._lock = threading.Lock()
        self._names = set(_read(folder / RECORD))

    def __contains__(self, name: str) -> bool:
        """Whether a file, named by its path relative to the folder, is recorded."""
        return name in self._names

    def folders(self) -> list[str]:
        """The sub-folders in which recorded files lie, inner ones before those around them; none that links lead to."""
        with self._lock:
            parents = {parent.as_posix() for name in self._names for parent in PurePath(name).parents[:-1]}
        inside = [name for name in parents if _is_inside(self.folder, f"{name}/file")]
        return sorted(inside, key=lambda name: (-name.count("/"), name))

    def claim(self, *names: str) -> None:
        """Record files, named by their paths relative to the folder, that are about to be written.

        Raises DataError where one exists that pixlate did not write, and where the record cannot be written.
        """
        for name in names:
            path = self.folder / name
            if not self._adopt and name not in self._names and _is_plain(name) and os.path.lexists(path):
                raise DataError(
                    f"{quoted(path)} was not written by pixlate, so that it is not replaced: move it or choose another "
                    "folder."
                )
        self.record(*names)

    def record(self, *names: str) -> None:
        """Record files that are about to be written, whoever wrote those that exist. Raises DataError."""
        for name in names:
            if not _is_plain(name) or not _is_inside(self.folder, name):
                raise DataError(f"{quoted(self.folder / name)} is a path or a link that leads out of its folder.")
        with self._lock:
            new = [name for name in dict.fromkeys(names) if name not in self._names]
            if new:
                _append(self.folder / RECORD, new)
                self._names.update(new)

    def foreign(self, patterns: Iterable[str]) -> Iterator[Path]:
        """The existing files, in order, that match a name or glob pattern and are not recorded."""
        for pattern in patterns:
            for path in sorted(self.folder.glob(pattern)):
                name = path.relative_to(self.folder).as_posix()
                if name not in self._names or not _is_inside(self.folder, name):
                    yield path

    def remove(self) -> None:
        """Remove the recorded files and the record; links are removed, never followed. Raises DataError."""
        with self._lock:
            for name in sorted(self._names):
                path = self.folder / name
                if _is_inside(self.folder, name) and (path.is_symlink() or path.is_file()):
                    _unlink(path)
            if self._names:
                _unlink(self.folder / RECORD)
            self._names.clear()


def _is_plain(name: str) -> bool:
    """Whether a text is a relative path that stays in its folder, in the form in which paths are recorded."""
    path = PurePath(name)
    one_line = not any(ord(character) < 32 for character in name)
    return bool(path.parts) and one_line and not path.anchor and ".." not in path.parts and path.as_posix() == name


def _is_inside(folder: Path, name: str) -> bool:
    """Whether no folder on the way from `folder` to its file is a symbolic link."""
    return not any((folder / parent).is_symlink() for parent in PurePath(name).parents[:-1])


def _read(path: Path) -> Iterator[str]:
    """The entries of a record; none where the file is missing or is not a record. Raises DataError."""
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            data = file.read(MAX_BYTES)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        return
    except OSError as error:
        raise DataError(f"{quoted(path)} cannot be read: {error.strerror or error}.") from error
    heading, *lines = data.decode("utf-8", "surrogateescape").split("\n")
    if heading == HEADING:
        yield from filter(_is_plain, lines[:-1])  # what follows the last line feed is the rest of a failed write


def _append(path: Path, names: Iterable[str]) -> None:
    """Add entries to a record, all or none of them. Raises DataError."""
    try:
        with os.fdopen(open_regular(path, os.O_RDWR | os.O_APPEND | os.O_CREAT), "rb+", buffering=0) as file:
            size = _complete_size(file)
            lines = [*names] if size else [HEADING, *names]
            data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
            # On a full disk the first bytes may be written without an error: a short count is the only sign.
            if file.write(data) != len(data):
                with suppress(OSError):
                    file.truncate(size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise cannot_write(path, error) from error


def _complete_size(file: IO[bytes]) -> int:
    """The length of a record that is about to be extended, without the rest of a failed write, which is removed.

    Raises OSError for a file that is not a record.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    beginning = f"{HEADING}\n".encode()
    if file.read(min(size, len(beginning))) != beginning[:size]:
        raise OSError(errno.EEXIST, "it was not written by pixlate")
    file.seek(max(0, size - 1))
    if file.read(1) not in (b"\n", b""):
        file.seek(0)
        size = file.read(MAX_BYTES).rfind(b"\n") + 1
        file.truncate(size)
    return size


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
