"""stdin as an input, and stdout as the output."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pixlate.errors import DataError, OptionError
from pixlate.util.output import OutputClosed
from pixlate.util.text import quoted

STANDARD = "-"
NAME = "stdin"  # of the file that stdin becomes, which seeds dropout too


@contextmanager
def spooled(words: Sequence[str]) -> Iterator[list[str]]:
    """Within this block the words with the path of a file in place of "-": what stdin held.

    Images can only be read from files that know their length.
    """
    if STANDARD not in words:
        yield list(words)
        return
    with tempfile.TemporaryDirectory(prefix="pixlate-") as folder:
        file = Path(folder) / NAME
        if sys.stdin is None or sys.stdin.closed:
            raise DataError("standard input is closed, and - reads an image from it.")
        try:
            with file.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy)
        except OSError as error:
            raise DataError(f"standard input cannot be read: {error.strerror or error}.") from error
        try:
            yield [str(file) if word == STANDARD else word for word in words]
        except DataError as error:
            raise DataError(str(error).replace(quoted(file), NAME)) from None


def require_no_terminal() -> None:
    """Raise OptionError where stdout is a terminal, which an image would garble."""
    if sys.stdout is not None and sys.stdout.isatty():
        raise OptionError("the image would be written to the terminal: redirect stdout, or name a file with -o.")


def write_to_stdout(data: bytes) -> None:
    """Write the content of a file. Raises OutputClosed where nobody reads it, DataError where it cannot be written."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise OutputClosed() from error
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"standard output cannot be written: {getattr(error, 'strerror', None) or error}.") from error
