"""The decompressed bytes of a tar archive, of which neither too many nor too many at once can be read."""

import bz2
import gzip
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

MAX_READ = 1 << 24  # bytes at once: only headers are read as a whole, and pax headers may claim any size


@contextmanager
def open_tar_stream(archive: Path, max_bytes: int) -> Iterator[IO[bytes]]:
    """The content of a tar archive, compressed or not: a LimitedReader, which has all that tarfile needs."""
    with archive.open("rb") as file:
        start = file.read(6)
        file.seek(0)
        with _decompressed(file, start) as content:
            yield cast(IO[bytes], LimitedReader(content, max_bytes))


def _decompressed(file: IO[bytes], start: bytes) -> IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if start.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(file)
    return file


class LimitedReader:
    """A file that raises ValueError where more than MAX_READ bytes at once, or bytes beyond `max_bytes`, are read."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes."""
        if not 0 <= size <= MAX_READ:
            raise ValueError(f"a header claims {size} bytes")
        self._check(self._file.tell() + size)
        return self._file.read(size)

    def seek(self, position: int) -> int:
        """Go to a position from the start."""
        self._check(position)
        return self._file.seek(position)

    def tell(self) -> int:
        """The position from the start."""
        return self._file.tell()

    def _check(self, position: int) -> None:
        if not 0 <= position <= self._max_bytes:
            raise ValueError(f"it claims more than {self._max_bytes} bytes")
