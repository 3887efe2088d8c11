"""Unpacks archives from untrusted servers: nothing outside the folder, no links, no devices, no decompression bombs.

Members are read as streams and written here, instead of by `extractall`: what is written is counted while it is
written, whatever sizes the archive states; every file is created exclusively, so that no member replaces another; and
the archive's modes, owners and times are ignored.
"""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO

from pixlate.errors import DataError
from pixlate.util.files import cannot_write
from pixlate.util.text import counted, one_line, quoted

CHUNK = 1 << 20  # bytes that are read at a time
MAX_FILES = 2_000_000
MAX_EXPANSION = 100  # bytes unpacked for each byte of the archive; images, which are compressed already, hardly expand
MIN_LIMIT = 1 << 30  # bytes that any archive may unpack to, however small it is

Member = tuple[PurePosixPath, IO[bytes]]  # path below the folder, content


def unpack(archive: Path, folder: Path, *, max_bytes: int | None = None, max_files: int = MAX_FILES) -> None:
    """Unpack a zip or tar archive, compressed or not, into a new folder.

    Raises DataError, having written nothing outside the folder, for a damaged archive, one that holds anything but
    files and folders below itself, and one that is larger than `max_bytes` (by default a hundred times its own
    size) or has more than `max_files`.
    """
    limit = max(MIN_LIMIT, MAX_EXPANSION * archive.stat().st_size) if max_bytes is None else max_bytes
    written = 0
    try:
        for number, (path, source) in enumerate(_members(archive, folder), start=1):
            if number > max_files:
                raise _refused(archive, f"it holds more than {counted(max_files, 'file')}")
            target = folder / path
            _make_parents(target)
            with closing(source), _new_file(target) as file:
                while chunk := source.read(min(CHUNK, limit - written + 1)):  # one more byte shows that it is too large
                    written += len(chunk)
                    if written > limit:
                        raise _refused(archive, f"it unpacks to more than {limit} bytes")
                    _write(file, target, chunk)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError) as error:
        raise DataError(f"the archive {quoted(archive)} is damaged: {one_line(error)}.") from None
    if written == 0:
        raise _refused(archive, "it is empty")


def _members(archive: Path, folder: Path) -> Iterator[Member]:
    """Path and content of every file in the archive. Raises DataError for a member that must not be unpacked."""
    return _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive, folder)


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the archive was written on Windows
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _link_or_device(archive, entry.filename)
            if not entry.is_dir():
                yield _checked_path(archive, entry.filename), file.open(entry)


def _tar_members(archive: Path, folder: Path) -> Iterator[Member]:
    with tarfile.open(archive, "r:*") as file:
        for entry in file:
            if entry.isdir():
                continue
            content = file.extractfile(entry) if entry.isreg() else None
            if content is None:
                raise _link_or_device(archive, entry.name)
            path = _checked_path(archive, entry.name)
            _apply_data_filter(archive, entry, folder)
            yield path, content


def _apply_data_filter(archive: Path, entry: tarfile.TarInfo, folder: Path) -> None:
    """Refuse what the standard library's filter for data archives (PEP 706) refuses, where Python has it.

    The checks here are stricter but for one case: it also resolves links that lie in the folder already. And it is
    kept up to date with attacks that become known later.
    """
    if not hasattr(tarfile, "data_filter"):  # Python before 3.11.4
        return
    try:
        tarfile.data_filter(entry, str(folder))
    except tarfile.FilterError as error:
        raise _refused(archive, one_line(error)) from None


def _checked_path(archive: Path, name: str) -> PurePosixPath:
    """A member's path below the folder. Raises DataError for one that could lead outside it on any system."""
    path = PurePosixPath(name)
    parts = [part for part in path.parts if part != "."]
    # Backslashes and colons separate folders and drives on Windows.
    if path.is_absolute() or not parts or ".." in parts or any(c in name for c in ("\\", "\0", ":")):
        raise _refused(archive, f"{quoted(name)} in it would lie outside its folder")
    return PurePosixPath(*parts)


# Trouble with the disk is told from trouble with the archive, which raises OSErrors as well, by where it occurs.


def _make_parents(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target.parent, error) from error


def _new_file(target: Path) -> IO[bytes]:
    try:
        return open(target, "xb")
    except OSError as error:
        raise cannot_write(target, error) from error


def _write(file: IO[bytes], target: Path, chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise cannot_write(target, error) from error


def _link_or_device(archive: Path, name: str) -> DataError:
    return _refused(archive, f"{quoted(name)} in it is a link or a device")


def _refused(archive: Path, reason: str) -> DataError:
    return DataError(f"the archive {quoted(archive)} is refused: {reason}.")
