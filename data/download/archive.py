"""Unpacks archives from untrusted servers: nothing outside the folder, no links, no devices, no decompression bombs.

Members are read as streams and written by this module, not by `extractall`. Bytes are counted while they are read and
written, whatever sizes the archive declares; files are created exclusively, so that no member replaces another; modes,
owners and times are ignored.
"""

import re
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO

from pixlate.errors import DataError, PixlateError
from pixlate.util.files import cannot_write
from pixlate.util.text import counted, escaped, one_line, quoted

from .tar_stream import open_tar_stream

CHUNK = 1 << 20  # bytes read at a time
MAX_FILES = 2_000_000
MAX_DEPTH = 50  # folders within one another
MAX_INDEX = 1 << 28  # bytes of a zip's list of files, which is read into memory
END_BYTES = 22 + (1 << 16)  # of a zip's end record with the longest comment
MAX_EXPANSION = 100  # unpacked bytes per byte of the archive; images are compressed already, and hardly expand
MIN_LIMIT = 1 << 30  # bytes that even the smallest archive may unpack to

Member = tuple[PurePosixPath, int, IO[bytes]]  # path below the folder, declared size, content


def unpack(archive: Path, folder: Path, *, max_bytes: int | None = None, max_files: int = MAX_FILES) -> None:
    """Unpack a zip or tar archive, compressed or not, into a new folder.

    - max_bytes: the limit of the unpacked size; None is 100 times the size of the archive, but at least 1 GiB.

    Raises DataError, without having written anything outside the folder, if the archive is damaged, exceeds a limit, or
    has members other than files and folders below the folder, and if the disk has too little space.
    """
    written = 0
    try:
        limit = max(MIN_LIMIT, MAX_EXPANSION * archive.stat().st_size) if max_bytes is None else max_bytes
        for number, (path, size, source) in enumerate(_members(archive, folder, limit), start=1):
            if number > max_files:
                raise _rejected(archive, f"it has more than {counted(max_files, 'file')}")
            _check_size(archive, written + size, limit)
            target = folder / path
            _make_parents(target)
            _check_space(folder, size)
            with closing(source), _new_file(target) as file:
                while chunk := source.read(CHUNK):
                    written += len(chunk)
                    _check_size(archive, written, limit)
                    _write(file, target, chunk)
    except PixlateError:
        raise
    except Exception as error:  # tarfile, zipfile and decompressors raise errors of many types for damaged archives
        raise DataError(f"the archive {quoted(archive)} is damaged: {escaped(one_line(error), 200)}.") from None
    if written == 0:
        raise _rejected(archive, "it is empty")


def _members(archive: Path, folder: Path, limit: int) -> Iterator[Member]:
    """The path and content of every file in an archive. Raises DataError for a member that must not be unpacked."""
    return _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive, folder, limit)


def _zip_members(archive: Path) -> Iterator[Member]:
    if _zip_index_bytes(archive) > MAX_INDEX:
        raise _rejected(archive, f"its list of files has more than {MAX_INDEX >> 20} MiB")
    with zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 where the archive was written on Windows
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _link_or_device(archive, entry.filename)
            if not entry.is_dir():
                yield _checked_path(archive, entry.filename), entry.file_size, file.open(entry)


def _zip_index_bytes(archive: Path) -> int:
    """The size that a zip's end record declares for the list of files; zipfile reads as much into memory."""
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - END_BYTES))
        end = file.read(END_BYTES)
    records = (end[match.start() :] for match in re.finditer(rb"PK\x05\x06", end))
    return max((struct.unpack_from("<L", record, 12)[0] for record in records if len(record) >= 16), default=0)


def _tar_members(archive: Path, folder: Path, limit: int) -> Iterator[Member]:
    with open_tar_stream(archive, 2 * limit) as stream, tarfile.open(fileobj=stream, mode="r:") as file:
        while (entry := file.next()) is not None:
            file.members.clear()  # type: ignore[attr-defined]  # tarfile keeps all of them in memory
            if entry.isdir():
                continue
            content = file.extractfile(entry) if entry.isreg() and not entry.issparse() else None
            if content is None:
                raise _link_or_device(archive, entry.name)
            path = _checked_path(archive, entry.name)
            _apply_data_filter(archive, entry, folder)
            yield path, entry.size, content


def _apply_data_filter(archive: Path, entry: tarfile.TarInfo, folder: Path) -> None:
    """Raise DataError for what the standard library's filter for data archives (PEP 706) rejects.

    The other checks are stricter except in one case: the filter also resolves links that are already in the folder. It
    is also updated when new attacks become known.
    """
    if not hasattr(tarfile, "data_filter"):  # Python before 3.11.4
        return
    try:
        tarfile.data_filter(entry, str(folder))
    except tarfile.FilterError as error:
        raise _rejected(archive, escaped(one_line(error), 200)) from None


def _checked_path(archive: Path, name: str) -> PurePosixPath:
    """A member's path below the folder. Raises DataError for one that could lead outside it on any system."""
    path = PurePosixPath(name)
    parts = [part for part in path.parts if part != "."]
    # On Windows, backslashes separate folders, and colons follow a drive.
    if path.is_absolute() or not parts or ".." in parts or any(c in name for c in ("\\", "\0", ":")):
        raise _rejected(archive, f"{quoted(name)} would be written outside its folder")
    if len(parts) > MAX_DEPTH:
        raise _rejected(archive, f"{quoted(name[:50])}… has more than {MAX_DEPTH} folders within one another")
    return PurePosixPath(*parts)


def _check_size(archive: Path, size: int, limit: int) -> None:
    if size > limit:
        raise _rejected(archive, f"it unpacks to more than {limit} bytes")


def _check_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DataError(f"{quoted(folder)} has {free >> 20} MiB free, but {max(size >> 20, 1)} MiB are needed.")


# A damaged archive raises OSError too. These functions convert errors of the disk, so that `unpack` can take all others
# for damage.


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
    return _rejected(archive, f"{quoted(name)} is a link or a device")


def _rejected(archive: Path, reason: str) -> DataError:
    return DataError(f"the archive {quoted(archive)} is rejected: {reason}.")
