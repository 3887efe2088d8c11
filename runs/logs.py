"""Text logs of a run: appended by whole lines, and cut back on resume to what the saved state had seen."""

import errno
import logging
import os
from contextlib import suppress
from pathlib import Path

from pixlate.errors import DataError
from pixlate.util.files import cannot_write

log = logging.getLogger(__name__)


class RunLog:
    """An append-only text file inside the run's folder."""

    def __init__(self, path: Path, size: int | None = None) -> None:
        """Open a log, cut back to `size` bytes, or to its last whole line where it is shorter or no size is known.

        Lines that cannot be written are warned about once. Raises DataError where the log cannot be opened.
        """
        self.path = path
        self._waiting = b""
        self._failing = False
        try:
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            self._file = os.fdopen(handle, "ab", buffering=0)
            end = path.stat().st_size
            keep = size if size is not None and size <= end else _whole_lines(path)
            if keep < end:
                self._file.truncate(keep)
        except OSError as error:
            raise cannot_write(path, error) from error
        if size is not None and keep < size:
            log.warning(f"'{path}' has lost its end since the run was saved: it goes on with a gap.")
        self.size = keep

    def write(self, line: str) -> None:
        """Append one line. One that cannot be written now waits, and is written before the next."""
        self._waiting += line.rstrip("\n").encode() + b"\n"
        try:
            self.flush()
        except DataError as error:
            if not self._failing:
                log.warning(f"{error} Its lines wait in memory, and training goes on.")
            self._failing = True

    def flush(self) -> None:
        """Write the lines that wait. Raises DataError where that is still impossible; no part of a line stays."""
        if not self._waiting:
            return
        try:
            if self._file.write(self._waiting) != len(self._waiting):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self.size)
            raise cannot_write(self.path, error) from error
        self.size += len(self._waiting)
        self._waiting, self._failing = b"", False

    def sync(self) -> None:
        """Wait until what is written is on the disk; from any thread. Raises DataError where it cannot be."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Close the file, with a last attempt at the lines that wait."""
        with suppress(DataError):
            self.flush()
        self._file.close()


def _whole_lines(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1
