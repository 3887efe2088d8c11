"""Atomic writes: a file is complete or absent, whatever happens while it is written."""

import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from pixlate.errors import DataError

from .system_errors import with_advice
from .text import one_line, quoted

#: The errors of file systems, some network and FUSE ones among them, that do not support fsync or hard links.
_NOT_SUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_OPEN_ELSEWHERE = {5, 32}  # Windows' errors for a file that another process, such as a virus scanner, has open
_REPLACE_SECONDS = 2.0  # to wait for that process


@contextmanager
def atomic_write(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """A new file beside `path` to write to, which takes its place when the block ends without an error.

    A reader sees the old file or the new one, never a part. The temporary file has a random name and is created
    exclusively, so that nobody can plant a link in its place. `durable` flushes the file before the rename and the
    folder after it, so that this holds after a power failure too, where the file system supports it. Raises DataError,
    with the path and the cause, when the file cannot be written; other errors of the block are passed on.
    """
    temporary = _temporary_path(path)
    try:
        with os.fdopen(open_regular(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL), "wb") as file:
            yield file
            if durable:
                flush_to_disk(file)
        _replace(temporary, path)
        if durable:
            _flush_folder(path.parent)  # POSIX: a rename is durable only when its folder has been flushed
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def atomic_link(path: Path, name: Path) -> None:
    """Give a file a second name, replacing the file of that name; a copy where the file system has no hard links.

    Raises DataError when the second name cannot be written.
    """
    temporary = _temporary_path(name)
    try:
        try:
            os.link(path, temporary)
        except (OSError, AttributeError):  # AttributeError: the platform has no hard links
            with path.open("rb") as source, atomic_write(name, durable=True) as copy:
                shutil.copyfileobj(source, copy)
            return
        _replace(temporary, name)
    except OSError as error:
        raise cannot_write(name, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)  # rename() leaves it if both names are links to one file already (POSIX)


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file's content with `atomic_write`."""
    with atomic_write(path, durable=durable) as file:
        file.write(data)


def make_folder(path: Path) -> Path:
    """Create a folder and its parents where they are missing. Raises DataError when that is impossible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def cannot_write(path: Path, error: OSError) -> DataError:
    """The DataError for a file or folder that cannot be written, with advice where the cause is known."""
    return DataError(with_advice(f"{quoted(path)} cannot be written: {error.strerror or one_line(error)}.", error))


def open_regular(path: Path, flags: int) -> int:
    """The descriptor of a regular file, opened with `flags` and created with the permissions of the user's umask.

    Symbolic links are not followed; FIFOs and devices are neither waited for nor opened. Raises OSError.
    """
    descriptor = os.open(path, flags | optional_flags("O_NOFOLLOW"), 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return descriptor


def optional_flags(*names: str) -> int:
    """The flags to open a file without waiting, as bytes, and those of `names`, where the system has them."""
    flags = 0
    for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY", *names):
        flags |= getattr(os, name, 0)
    return flags


def flush_to_disk(file: IO[bytes]) -> None:
    """Wait until what was written to a file is on the disk, where its file system supports that. Raises OSError."""
    file.flush()
    _fsync(file.fileno())


def _temporary_path(path: Path) -> Path:
    """A name beside the file: by its process number, runs/folder.py tells files being written from stale ones."""
    return path.with_name(f".part-{os.getpid()}-{secrets.token_hex(8)}")


def _replace(temporary: Path, path: Path) -> None:
    """Rename a file over another. On Windows this fails while another process has that one open: it is tried again."""
    deadline = time.monotonic() + _REPLACE_SECONDS
    while True:
        try:
            temporary.replace(path)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _OPEN_ELSEWHERE or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _flush_folder(folder: Path) -> None:
    """Wait until a rename within the folder is on the disk; Windows, and folders without read permission, have no way.

    Raises OSError when the disk fails.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        _fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise


def is_running(process: str) -> bool:
    """Whether a process is running, by its number as text; True where this cannot be known."""
    if os.name != "posix" or not process.isdigit():
        return True
    try:
        os.kill(int(process), 0)  # signal 0 is not delivered: it only checks that the process exists
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True
