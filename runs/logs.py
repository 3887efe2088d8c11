"""Text logs of a run: appended line by line, and truncated on resume to their length in the saved state."""

import errno
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pixlate.errors import DataError
from pixlate.util.files import cannot_write, flush_to_disk, open_regular
from pixlate.util.owned import OwnFiles

log = logging.getLogger(__name__)


class RunLogs:
    """The logs of one run.

    - folder: the run's folder.
    - saved_sizes: the length in bytes of each log in the state that the run resumes from, by file name. Logs are
      truncated to it, and emptied where it does not name them. None, for no such state, keeps all complete lines.
    - files: the record of the run's files, in which logs are entered; by default that of the folder.
    """

    def __init__(
        self, folder: Path, saved_sizes: Mapping[str, int] | None = None, *, files: OwnFiles | None = None
    ) -> None:
        self.files = files or OwnFiles(folder, adopt=saved_sizes is not None)
        self._folder = folder
        self._saved_sizes = saved_sizes
        self._logs: dict[str, RunLog] = {}

    def open(self, filename: str) -> "RunLog":
        """The log of that name; the same object each time. Raises DataError where it cannot be opened."""
        if filename not in self._logs:
            self.files.claim(filename)
            size = None if self._saved_sizes is None else self._saved_sizes.get(filename, 0)
            self._logs[filename] = RunLog(self._folder / filename, size)
        return self._logs[filename]

    def sizes(self) -> dict[str, int]:
        """The length of each log in bytes, by file name, without lines that still cannot be written.

        Includes logs that only earlier sessions opened.
        """
        for run_log in self._logs.values():
            with suppress(DataError):  # a state is worth more than the lines that its logs would lack
                run_log.flush()
        return {**(self._saved_sizes or {}), **{name: run_log.size for name, run_log in self._logs.items()}}

    def sync(self) -> None:
        """Flush the logs to the disk; callable from any thread. Raises DataError where that fails."""
        for run_log in list(self._logs.values()):
            run_log.sync()

    def close(self) -> None:
        """Close the logs."""
        for run_log in self._logs.values():
            run_log.close()


class RunLog:
    """An append-only text file in the run's folder."""

    def __init__(self, path: Path, size: int | None = None) -> None:
        """Open a log and truncate it to `size` bytes, or to its complete lines where it is shorter or no size is known.

        A symbolic link of that name is not followed, nor is a FIFO waited for. Raises DataError where the log cannot be
        opened.
        """
        self.path = path
        self._pending = b""
        self._failing = False
        try:
            # Unbuffered: a line is in the file when `write` returns, and after a failure it is known how much is.
            descriptor = open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            self._file = os.fdopen(descriptor, "ab", buffering=0)
            file_size = path.stat().st_size
            kept_size = size if size is not None and size <= file_size else _complete_lines_size(path)
            if kept_size < file_size:
                self._file.truncate(kept_size)
        except OSError as error:
            raise cannot_write(path, error) from error
        if size is not None and kept_size < size:
            log.warning(f"'{path}' is shorter than when the run was saved: some of its lines are missing.")
        self.size = kept_size

    def write(self, line: str) -> None:
        """Append one line. Where that fails it is kept in memory, with a warning, and written before the next one."""
        self._pending += line.rstrip("\n").encode() + b"\n"
        try:
            self.flush()
        except DataError as error:
            if not self._failing:
                log.warning(f"{error} Its lines are kept in memory, and training continues.")
            self._failing = True

    def flush(self) -> None:
        """Write the pending lines. Raises DataError where that fails; then the file contains no part of them."""
        if not self._pending:
            return
        try:
            # On a full disk the first bytes may be written without an error: a short count is the only sign.
            if self._file.write(self._pending) != len(self._pending):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(self.size)
            raise cannot_write(self.path, error) from error
        self.size += len(self._pending)
        self._pending, self._failing = b"", False

    def sync(self) -> None:
        """Flush what is written to the disk; callable from any thread. Raises DataError where that fails."""
        try:
            flush_to_disk(self._file)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Close the file, after a last attempt to write the pending lines."""
        with suppress(DataError):
            self.flush()
        self._file.close()


def _complete_lines_size(path: Path) -> int:
    """The length in bytes of a file without the incomplete line at its end."""
    return path.read_bytes().rfind(b"\n") + 1
