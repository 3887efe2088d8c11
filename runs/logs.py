"""Text logs of a run: appended by whole lines, and cut back on resume to their length in the saved state."""

import errno
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pixlate.errors import DataError
from pixlate.util.files import cannot_write

log = logging.getLogger(__name__)


class RunLogs:
    """The logs of one run.

    - folder: the run's folder.
    - saved_sizes: the length in bytes of each log in the state that the run resumes from, by file name; logs are cut
      back to it, to nothing where it names none. None, where there is no such state, keeps all whole lines.
    """

    def __init__(self, folder: Path, saved_sizes: Mapping[str, int] | None = None) -> None:
        self._folder = folder
        self._saved_sizes = saved_sizes
        self._logs: dict[str, RunLog] = {}

    def open(self, filename: str) -> "RunLog":
        """The log of that name; the same object each time. Raises DataError where it cannot be opened."""
        if filename not in self._logs:
            size = None if self._saved_sizes is None else self._saved_sizes.get(filename, 0)
            self._logs[filename] = RunLog(self._folder / filename, size)
        return self._logs[filename]

    def sizes(self) -> dict[str, int]:
        """The length of each log in bytes, with all lines written; logs that only earlier sessions opened included.

        Raises DataError when lines still cannot be written.
        """
        for run_log in self._logs.values():
            run_log.flush()
        return {**(self._saved_sizes or {}), **{name: run_log.size for name, run_log in self._logs.items()}}

    def sync(self) -> None:
        """Wait until the logs are on the disk; from any thread. Raises DataError where they cannot be."""
        for run_log in list(self._logs.values()):
            run_log.sync()

    def close(self) -> None:
        """Close the logs."""
        for run_log in self._logs.values():
            run_log.close()


class RunLog:
    """An append-only text file inside the run's folder."""

    def __init__(self, path: Path, size: int | None = None) -> None:
        """Open a log, cut back to `size` bytes, or to its last whole line where it is shorter or no size is known.

        A link in place of the file is not followed. Raises DataError where the log cannot be opened.
        """
        self.path = path
        self._pending = b""
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
            log.warning(f"'{path}' is shorter than when the run was saved: some of its lines are missing.")
        self.size = keep

    def write(self, line: str) -> None:
        """Append one line. One that cannot be written now is kept, and written before the next; warned about once."""
        self._pending += line.rstrip("\n").encode() + b"\n"
        try:
            self.flush()
        except DataError as error:
            if not self._failing:
                log.warning(f"{error} Its lines are kept in memory, and training continues.")
            self._failing = True

    def flush(self) -> None:
        """Write the lines that are kept. Raises DataError where that is still impossible; no part of a line stays."""
        if not self._pending:
            return
        try:
            if self._file.write(self._pending) != len(self._pending):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self.size)
            raise cannot_write(self.path, error) from error
        self.size += len(self._pending)
        self._pending, self._failing = b"", False

    def sync(self) -> None:
        """Wait until what is written is on the disk; from any thread. Raises DataError where it cannot be."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Close the file, with a last attempt at the lines that are kept."""
        with suppress(DataError):
            self.flush()
        self._file.close()


def _whole_lines(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1
