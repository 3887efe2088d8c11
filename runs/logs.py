"""Text logs of a run: appended by whole lines, and cut back on resume to what the saved state had seen."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from pixlate.util.files import cannot_write


class RunLog:
    """An append-only text file inside the run's folder."""

    def __init__(self, path: Path, size: int | None = None) -> None:
        """Open a log, cut back to `size` bytes, or to its last whole line where no size is known."""
        self.path = path
        try:
            self._file = path.open("ab", buffering=0)
            end = path.stat().st_size
            keep = min(end, size) if size is not None else _whole_lines(path)
            if keep < end:
                self._file.truncate(keep)
        except OSError as error:
            raise cannot_write(path, error) from error
        self.size = keep

    def write(self, line: str) -> None:
        """Append one line. Raises DataError when it cannot be written; then no part of it stays."""
        data = line.rstrip("\n").encode() + b"\n"
        try:
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self.size)
            raise cannot_write(self.path, error) from error
        self.size += len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _whole_lines(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1
