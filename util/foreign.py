"""The boundary at which foreign content becomes values: whatever a file holds, the outcome is a value or a sentence.

    with foreign(lambda problem: CheckpointError(f"{quoted(path)} is damaged: {problem}.")):
        data = json.loads(text)

Parsers raise whatever their authors did not think of for damaged or malicious content: RecursionError, OverflowError,
KeyError, SystemError, … A block converts all of them, so that no caller lists types; it should hold nothing but the
conversion of content into values.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from pixlate.errors import Interrupted, PixlateError

from .files import optional_flags
from .text import one_line, shortened

SMALL = 2**20  # bytes: more than any file of options


@contextmanager
def foreign(error: Callable[[str], PixlateError], *passed: type[Exception]) -> Iterator[None]:
    """Within this block content is converted; an exception is raised again as `error(problem)`, unless it is `passed`.

    Always passed on are sentences and interruptions; NameError, which content cannot cause; and OSError where the
    system has failed, which says nothing about the content. A lack of memory is raised as OSError too.
    """
    try:
        yield
    except Exception as cause:
        if isinstance(cause, (PixlateError, Interrupted, NameError, *passed)):
            raise
        if isinstance(cause, OSError) and cause.errno not in (None, errno.EINVAL):  # EINVAL: a position before the file
            raise
        if isinstance(cause, MemoryError) or "DefaultCPUAllocator" in str(cause):  # torch's MemoryError
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) from cause
        raise error(_problem(cause)) from cause


def open_file(path: Path) -> BufferedReader:
    """Open a file to read it, through links too. What is no regular file is refused: a FIFO could block for ever.

    Raises OSError.
    """
    _require_regular(os.stat(path), path)  # before it is opened, which has effects on some devices
    file = os.fdopen(os.open(path, os.O_RDONLY | optional_flags()), "rb")
    try:
        _require_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def read_small(path: Path) -> bytes:
    """The content of a file of options, which is refused if it is larger than 1 MiB. Raises OSError."""
    with open_file(path) as file:
        data = file.read(SMALL + 1)
    if len(data) > SMALL:
        raise OSError(errno.EFBIG, "it is larger than any file of options", str(path))
    return data


def exists(path: Path) -> bool:
    """Whether there is anything of that name, a link that leads nowhere included.

    Raises OSError where this cannot be known, as after an input/output error: `Path.exists` would say no.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def reason(error: OSError) -> str:
    """The reason that an OSError gives, without its number and file."""
    return error.strerror or one_line(error)


def _require_regular(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))


def _problem(error: Exception) -> str:
    """What an exception says, on one line of bounded length; its message may contain what the file does."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) and error.args else one_line(error)
    return shortened(text)
