"""The received part of a file that is being downloaded, and what is needed to resume it."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError

from pixlate.errors import DataError, PixlateError
from pixlate.util.files import cannot_write, open_regular, write_whole
from pixlate.util.text import quoted

from .connection import cause, open_url

CHUNK = 1 << 18  # bytes between two reports of progress, at most
MAX_BYTES = 64 << 30  # of an archive; the largest of the catalogue has 9 GB
SLOW_SECONDS, SLOW_BYTES = 60.0, 300 << 10  # a server that sends less than this in this time is given up
MAX_SECONDS = 86_400.0  # for a file of unknown length, which may have no end
WORTH_RESUMING = 1 << 20  # bytes of a part that is kept, if the server sends too slowly

Report = Callable[[int, int | None], None]  # bytes received, total bytes if known


class PartialFile:
    """The received part of a file, and a JSON file beside it with the file's URL and version on the server."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata = path.with_name(f"{path.name}.json")

    def exists(self) -> bool:
        """Whether anything was received."""
        return os.path.lexists(self.path) or os.path.lexists(self.metadata)

    def fetch(self, url: str, report: Report) -> bool:
        """Fetch the missing part, and return whether the file is complete.

        Whatever the server sends, the outcome is the file, a part that can be resumed, or DataError: that nothing was
        received, or that what is received is of no use, which is then removed.
        """
        size_before = self._size()
        try:
            with open_url(url, self._headers(url)) as response:
                return self._receive(url, response, report)
        except _UselessError as error:
            self.remove()
            raise DataError(f"{url} {error}.") from None
        except PixlateError:
            raise
        except HTTPError as error:
            error.close()
            if error.code != 416:  # range not satisfiable: nothing follows what was received
                raise DataError(f"{url} cannot be downloaded: the server says {cause(error)}.") from None
            if size_before and error.headers.get("Content-Range") == f"bytes */{size_before}":
                return True  # the length of the file is what was received
            self.remove()  # the file on the server is now another, shorter one
            return False
        except Exception as error:  # http.client and urllib raise errors of many types for what a server may send
            if self._size() > size_before:
                return False  # the next attempt continues here
            advice = "check the network, or name another server with PIXLATE_DOWNLOAD_URL"
            raise DataError(f"{url} cannot be reached ({cause(error)}): {advice}.") from None

    def remove(self) -> None:
        """Delete the received part and its metadata."""
        for path in (self.path, self.metadata):
            with suppress(OSError):
                path.unlink()

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _headers(self, url: str) -> dict[str, str]:
        """Headers that request the missing part only.

        With If-Range, a server whose file has changed sends the whole new file instead.
        """
        with suppress(Exception):  # no metadata, or damaged: fetch the whole file
            metadata = json.loads(self.metadata.read_text("utf-8"))
            version = str(metadata["version"])
            if self._size() and metadata["url"] == url and re.fullmatch(r"[ -~]{1,1000}", version):
                return {"Range": f"bytes={self._size()}-", "If-Range": version}
        return {}

    def _receive(self, url: str, response: HTTPResponse, report: Report) -> bool:
        """Write the response to the file, and return whether it was received completely."""
        resumed = response.status == 206  # partial content
        done = self._size() if resumed else 0
        part = response.headers.get("Content-Range", f"bytes {done}-")
        if resumed and not part.startswith(f"bytes {done}-"):
            raise _UselessError("cannot be resumed: the server sends another part than the missing one")
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if re.fullmatch(r"[0-9]{1,15}", length) else None
        self._check_room(done, total)
        version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if not resumed:
            write_whole(self.metadata, json.dumps({"url": url, "version": version}).encode())
        speed = _Speed(total)
        with self._opened(resumed) as file:
            report(done, total)
            while chunk := response.read1(CHUNK):
                _write(self.path, file, chunk)
                done += len(chunk)
                report(done, total)
                self._check_room(done, total)
                speed.check(len(chunk), done)
        return total is None or done == total

    def _check_room(self, done: int, total: int | None) -> None:
        """Raise an error where the disk has too little room for the rest of the archive and its unpacked content."""
        size = done if total is None else total
        if size > MAX_BYTES:
            raise _UselessError(f"has more than {MAX_BYTES >> 30} GiB")
        needed = 2 * size - done  # the content of an archive of images has about its size
        free = shutil.disk_usage(self.path.parent).free
        if free < needed:
            space = f"{quoted(self.path.parent)} has {free >> 20} MiB free, but {max(needed >> 20, 1)} MiB are needed"
            raise _UselessError(f"does not end: {space}") if total is None else DataError(f"{space}.")

    # `fetch` takes an OSError for a lost connection, and tries again. These convert the errors of the disk.

    def _opened(self, resumed: bool) -> IO[bytes]:
        try:
            if not resumed:
                self.path.unlink(missing_ok=True)
            flags = os.O_APPEND if resumed else os.O_CREAT | os.O_EXCL
            return os.fdopen(open_regular(self.path, os.O_WRONLY | flags), "ab" if resumed else "wb")
        except OSError as error:
            raise cannot_write(self.path, error) from error


class _UselessError(Exception):
    """What was received cannot be used, and is to be removed; the message follows the URL."""


class _Speed:
    """Ends a download whose bytes arrive too slowly or, if its length is unknown, for too long."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._start = self._window_start = time.monotonic()
        self._window_bytes = 0

    def check(self, received: int, done: int) -> None:
        """Count the bytes that have just been received. Raises an error where they came too slowly."""
        now = time.monotonic()
        self._window_bytes += received
        if self._total is None and now - self._start > MAX_SECONDS:
            raise _UselessError("has no end")
        if now - self._window_start > SLOW_SECONDS:
            if self._window_bytes < SLOW_BYTES and self._total is not None and done >= WORTH_RESUMING:
                raise DataError("the server sends too slowly: run the same command later to resume.")
            if self._window_bytes < SLOW_BYTES:
                raise _UselessError("arrives too slowly")
            self._window_start, self._window_bytes = now, 0


def _write(path: Path, file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise cannot_write(path, error) from error
