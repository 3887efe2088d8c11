"""Unpacks archives that come from elsewhere: nothing outside the folder, no links, no devices, no bombs."""

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
from pixlate.util.text import counted, one_line, shown

CHUNK = 1 << 20
MOST_FILES = 2_000_000
EXPANSION = 100  # bytes unpacked for each byte of the archive; images hardly shrink at all
LEAST_LIMIT = 1 << 30  # bytes that any archive may unpack to

Member = tuple[str, IO[bytes]]


def unpack(archive: Path, folder: Path, *, most_bytes: int | None = None, most_files: int = MOST_FILES) -> None:
    """Unpack a zip or tar archive, compressed or not, into a new folder.

    Raises DataError, having written nothing outside the folder, for a damaged archive, one that holds anything but
    files and folders below itself, and one that is larger than `most_bytes` (by default a hundred times its own
    size) or has more than `most_files`.
    """
    limit = max(LEAST_LIMIT, EXPANSION * archive.stat().st_size) if most_bytes is None else most_bytes
    written = 0
    try:
        for number, (name, source) in enumerate(_members(archive), start=1):
            if number > most_files:
                raise _refused(archive, f"it holds more than {counted(most_files, 'file')}")
            target = folder / _safe(archive, name)
            _make_parents(target)
            with closing(source), _new_file(target) as file:
                while chunk := source.read(min(CHUNK, limit - written + 1)):
                    written += len(chunk)
                    if written > limit:
                        raise _refused(archive, f"it unpacks to more than {limit} bytes")
                    _put(file, target, chunk)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError) as error:
        raise DataError(f"the archive {shown(archive)} is damaged: {one_line(error)}.") from None
    if written == 0:
        raise _refused(archive, "it is empty")


def _members(archive: Path) -> Iterator[Member]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise _refused(archive, f"{shown(entry.filename)} in it is a link or a device")
                if not entry.is_dir():
                    yield entry.filename, opened.open(entry)
        return
    with tarfile.open(archive, "r:*") as opened_tar:
        for member in opened_tar:
            if not member.isdir():
                source = opened_tar.extractfile(member) if member.isreg() else None
                if source is None:
                    raise _refused(archive, f"{shown(member.name)} in it is a link or a device")
                yield member.name, source


def _safe(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    parts = [part for part in path.parts if part != "."]
    if path.is_absolute() or not parts or ".." in parts or any(c in name for c in ("\\", "\0", ":")):
        raise _refused(archive, f"{shown(name)} in it would lie outside its folder")
    return PurePosixPath(*parts)


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


def _put(file: IO[bytes], target: Path, chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise cannot_write(target, error) from error


def _refused(archive: Path, reason: str) -> DataError:
    return DataError(f"the archive {shown(archive)} is refused: {reason}.")
