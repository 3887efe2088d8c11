"""Printing that cannot end a command: text that a stream does not take is lost, which the other stream says once.

A terminal may be closed, the reader of a pipe may have ended, the disk behind stdout may be full, and an encoding may
lack a character. What a command prints besides its work must not stop the work; what is printed as the result of a
command, as a list or `--help`, is the work, and its loss is an error.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from pixlate.errors import DataError

#: Errors after which a later write may succeed: the disk is full, or the reader is slow.
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EWOULDBLOCK}


class OutputClosed(BrokenPipeError):
    """Nobody reads the result of a command any more, as in `pixlate plugins | head -1`."""


class SafeStream(io.TextIOBase):
    """A text stream in front of stdout or stderr. Characters that its encoding lacks are escaped.

    - stream: the stream behind it; None where the process was started without one.
    - name: in messages.
    - strict: raise OutputClosed, or DataError with the cause, where text cannot be written. Otherwise nothing is
      raised: the first failure is said on the stream `other`.
    """

    def __init__(self, stream: TextIO | None, name: str) -> None:
        self.stream = stream
        self.name = name
        self.strict = False
        self.other: SafeStream | None = None
        self._lost = stream is None  # nothing is written any more
        self._said = False

    def write(self, text: str) -> int:
        """Write a text, or lose it; returns its length."""
        if not isinstance(text, str):
            raise TypeError(f"a text stream takes str, not {type(text).__name__}")
        if text:  # an empty one is how click finds out what a stream takes
            self._attempt(lambda stream: _write(stream, text))
        return len(text)

    def flush(self) -> None:
        """Pass on what has been written, or lose it."""
        self._attempt(lambda stream: stream.flush())

    def finish(self) -> None:
        """Flush for the last time. A stream that fails is redirected, because Python flushes it again at exit."""
        self.strict = False
        self.flush()
        if self.stream is not None and self._said:
            with suppress(OSError, ValueError):
                descriptor = os.open(os.devnull, os.O_WRONLY)
                os.dup2(descriptor, self.stream.fileno())
                os.close(descriptor)

    def close(self) -> None:
        """Nothing: the stream behind stays open."""

    def isatty(self) -> bool:
        """Whether the stream is a terminal that still takes text."""
        try:
            return self.stream is not None and not self._lost and self.stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """The descriptor of the stream behind. Raises OSError where it has none."""
        if self.stream is None:
            raise io.UnsupportedOperation("fileno")
        return self.stream.fileno()

    def writable(self) -> bool:
        """True."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream behind."""
        return str(getattr(self.stream, "encoding", None) or "utf-8")

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How characters that the encoding lacks are written."""
        return "backslashreplace"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _attempt(self, action: Callable[[TextIO], object]) -> None:
        if self._lost or self.stream is None:
            return
        try:
            action(self.stream)
        except (OSError, ValueError) as error:  # ValueError: it was closed
            if self.strict:
                raise self._strict_error(error) from error
            self._lost = getattr(error, "errno", None) not in _PASSING
            if not self._said:
                self._said = True  # first: the other stream may fail as well, and would say so here
                self._say_lost(error)

    def _strict_error(self, error: OSError | ValueError) -> Exception:
        self._said = self._lost = True  # the error says it
        return OutputClosed() if isinstance(error, BrokenPipeError) else DataError(f"{self._problem(error)}.")

    def _say_lost(self, error: OSError | ValueError) -> None:
        if self.other is not None:
            self.other.write(f"warning: {self._problem(error)}; the command goes on without it.\n")
            self.other.flush()

    def _problem(self, error: OSError | ValueError) -> str:
        return f"{self.name} cannot be written ({getattr(error, 'strerror', None) or error})"


@contextmanager
def safe_streams() -> Iterator[None]:
    """Within this block stdout and stderr are `SafeStream`s; stdout is strict except in `optional_output`."""
    _open_missing_descriptors()
    streams = sys.stdout, sys.stderr
    out, err = SafeStream(sys.stdout, "standard output"), SafeStream(sys.stderr, "standard error")
    out.other, err.other = err, out
    out.strict = True
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        out.finish()
        err.finish()


@contextmanager
def optional_output() -> Iterator[None]:
    """Within this block whatever is printed, by plugins too, may be lost and raises nothing (in `safe_streams`)."""
    stream = cast(object, sys.stdout)
    if not isinstance(stream, SafeStream) or not stream.strict:
        yield
        return
    stream.strict = False
    try:
        yield
    finally:
        stream.strict = True


def say(text: str) -> None:
    """Print a message on stdout."""
    with optional_output():
        print(text, flush=True)


def complain(text: str) -> None:
    """Print a message on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_result(text: str) -> None:
    """Print the result of a command. Raises OutputClosed, or DataError where it cannot be written."""
    print(text, flush=True)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError as error:
        stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))


def _open_missing_descriptors() -> None:
    """Open the null device for standard streams that are closed: the next file would get their numbers.

    What a library prints on descriptor 1 or 2 would go into that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                opened = os.open(os.devnull, os.O_RDWR)
                if opened != number:
                    os.dup2(opened, number)
                    os.close(opened)
