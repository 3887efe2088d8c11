"""Downloads public data sets: interrupted transfers are resumed, lengths are checked, archives are unpacked safely."""

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO

from pixlate.errors import DataError, OptionError
from pixlate.util.files import cannot_write, make_folder, write_whole
from pixlate.util.text import quoted

from .archive import unpack
from .catalogue import remote

BASE_URL = "http://efrosgans.eecs.berkeley.edu"
ENVIRONMENT = "PIXLATE_DOWNLOAD_URL"
TIMEOUT = 30.0  # seconds without receiving a byte
ATTEMPTS = 3
CHUNK = 1 << 18  # bytes between two reports of progress

Report = Callable[[int, int | None], None]  # bytes received, total bytes if known


def download(name: str, root: Path = Path("datasets"), *, base_url: str = "", report: Report | None = None) -> Path:
    """Download a data set to the folder <root>/<name> and return it. The folder appears when it is complete.

    An existing folder is returned as it is, and an interrupted download is resumed.

    - base_url: the server; by default that of the environment variable PIXLATE_DOWNLOAD_URL, else of the authors.
    - report: called with the bytes received so far and their total.

    Raises OptionError for an unknown name or an invalid address, DataError if the server cannot be reached or answers
    with an error, if the archive is damaged or unsafe, and if the folder cannot be written.
    """
    source = remote(name)
    target = root / name
    if target.exists():
        return target
    url = f"{_server(base_url)}/{source.archive}"
    make_folder(root)
    partial = _PartialFile(root / f".{name}.part")
    for attempt in range(ATTEMPTS):
        if partial.fetch(url, report or _no_report):
            break
        if attempt == ATTEMPTS - 1:
            raise DataError(f"the connection to {url} was lost {ATTEMPTS} times; run the same command again to resume.")
    try:
        _unpack_complete(partial.path, target)
    except DataError:
        partial.remove()  # a damaged archive would be rejected again: the next download starts from the beginning
        raise
    partial.remove()  # not if unpacking was interrupted: the next command needs no download
    return target


def _server(base_url: str) -> str:
    server = base_url or os.environ.get(ENVIRONMENT) or BASE_URL
    if not server.startswith(("http://", "https://")):  # urllib also opens file: and ftp:
        raise OptionError(f"'{server}' is not the address of a server: it must begin with http:// or https://.")
    return server.rstrip("/")


def _no_report(done: int, total: int | None) -> None:
    pass


class _PartialFile:
    """The received part of a file, and a JSON file beside it with the file's URL and version on the server."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata = path.with_name(f"{path.name}.json")

    def fetch(self, url: str, report: Report) -> bool:
        """Fetch the missing part, and return whether the file is complete. Raises DataError if nothing is received."""
        size_before = self._size()
        request = urllib.request.Request(url, headers=self._headers(url))
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                return self._receive(url, response, report)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # range not satisfiable: nothing follows what was received
                if error.headers.get("Content-Range") == f"bytes */{size_before}":
                    return True  # the length of the file is what was received
                self.remove()  # the file on the server is now another, shorter one
                return False
            raise DataError(f"{url} cannot be downloaded: the server says {error.code} {error.reason}.") from None
        except (OSError, HTTPException) as error:
            if self._size() > size_before:
                return False  # the next attempt continues here
            advice = f"check the network, or name another server with {ENVIRONMENT}"
            raise DataError(f"{url} cannot be reached ({_cause(error)}): {advice}.") from None

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
        try:
            metadata = json.loads(self.metadata.read_text())
            if self._size() and metadata["url"] == url and metadata["version"]:
                return {"Range": f"bytes={self._size()}-", "If-Range": metadata["version"]}
        except (OSError, ValueError, TypeError, KeyError):  # no metadata, or damaged: fetch the whole file
            pass
        return {}

    def _receive(self, url: str, response: HTTPResponse, report: Report) -> bool:
        """Write the response to the file, and return whether it was received completely."""
        resumed = response.status == 206  # partial content
        done = self._size() if resumed else 0
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        _check_space(self.path, total or 0, done)
        version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if not resumed:
            write_whole(self.metadata, json.dumps({"url": url, "version": version}).encode())
        with _opened(self.path, "ab" if resumed else "wb") as file:
            report(done, total)
            while chunk := response.read(CHUNK):
                _write(self.path, file, chunk)
                done += len(chunk)
                report(done, total)
        return total is None or done == total


def _cause(error: Exception) -> str:
    """The reason why a server cannot be reached, as the system reports it."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause) or "no answer"


def _check_space(path: Path, total: int, done: int) -> None:
    free = shutil.disk_usage(path.parent).free
    needed = 2 * total - done  # the archive, and its content of about the same size
    if free < needed:
        raise DataError(f"{quoted(path.parent)} has {free >> 20} MiB free, but {needed >> 20} MiB are needed.")


# `fetch` takes an OSError for a lost connection, and tries again. These functions convert the errors of the disk.


def _opened(path: Path, mode: str) -> IO[bytes]:
    try:
        return open(path, mode)
    except OSError as error:
        raise cannot_write(path, error) from error


def _write(path: Path, file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise cannot_write(path, error) from error


def _unpack_complete(archive: Path, target: Path) -> None:
    """Unpack beside the target, then rename. If the archive has a single folder at its top, that one is renamed."""
    unpacked = target.with_name(f".{target.name}.unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        unpack(archive, make_folder(unpacked))
        content = [path for path in unpacked.iterdir() if path.name != "__MACOSX"]  # Finder's copies of metadata
        (content[0] if len(content) == 1 and content[0].is_dir() else unpacked).rename(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
