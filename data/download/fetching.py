"""Fetches public data sets: continued where it was interrupted, checked for length, unpacked safely."""

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO

from pixlate.errors import DataError, OptionError, did_you_mean
from pixlate.util.files import cannot_write, make_folder, write_whole
from pixlate.util.text import shown

from .archive import unpack

BASE_URL = "http://efrosgans.eecs.berkeley.edu"
ENVIRONMENT = "PIXLATE_DOWNLOAD_URL"
TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 3
CHUNK = 1 << 18

Report = Callable[[int, int | None], None]  # bytes so far, bytes in all where known


@dataclass(frozen=True)
class Remote:
    """A data set on a server: its archive, what lies in it, and how many images as its authors say."""

    archive: str
    layout: str  # "aligned" or "unaligned"
    about: str


def _paired(name: str, about: str) -> Remote:
    return Remote(f"pix2pix/datasets/{name}.tar.gz", "aligned", about)


def _unpaired(name: str, about: str) -> Remote:
    return Remote(f"cyclegan/datasets/{name}.zip", "unaligned", about)


DATASETS: Mapping[str, Remote] = {
    "facades": _paired("facades", "building fronts and label maps, 400 pairs to train on"),
    "maps": _paired("maps", "aerial photographs and maps, 1,096 pairs"),
    "edges2shoes": _paired("edges2shoes", "shoes and their edges, 50,000 pairs"),
    "edges2handbags": _paired("edges2handbags", "handbags and their edges, 137,000 pairs"),
    "night2day": _paired("night2day", "landscapes by night and day, 20,000 pairs"),
    "horse2zebra": _unpaired("horse2zebra", "939 horses, 1,177 zebras"),
    "apple2orange": _unpaired("apple2orange", "996 apples, 1,020 oranges"),
    "summer2winter_yosemite": _unpaired("summer2winter_yosemite", "1,273 summer and 854 winter photographs"),
    "monet2photo": _unpaired("monet2photo", "1,074 paintings by Monet, 6,853 photographs"),
    "cezanne2photo": _unpaired("cezanne2photo", "584 paintings by Cezanne, 6,853 photographs"),
    "ukiyoe2photo": _unpaired("ukiyoe2photo", "1,433 Ukiyo-e prints, 6,853 photographs"),
    "vangogh2photo": _unpaired("vangogh2photo", "401 paintings by Van Gogh, 6,853 photographs"),
    "iphone2dslr_flower": _unpaired("iphone2dslr_flower", "1,813 telephone and 3,316 camera images of flowers"),
    "ae_photos": _unpaired("ae_photos", "photographs of the artistic style transfer examples"),
    "facades_unpaired": _unpaired("facades", "facades as two separate folders"),
    "maps_unpaired": _unpaired("maps", "maps as two separate folders"),
    "mini": _unpaired("mini", "a few unpaired images, to try things with"),
    "mini_pix2pix": _unpaired("mini_pix2pix", "a few pairs, to try things with"),
}
CITYSCAPES = (
    "the licence of Cityscapes lets nobody pass it on: fetch gtFine_trainvaltest.zip and "
    "leftImg8bit_trainvaltest.zip from https://www.cityscapes-dataset.com, and put photographs in "
    "datasets/cityscapes/A/train and their label maps, under the same names, in datasets/cityscapes/B/train."
)


def remote(name: str) -> Remote:
    """The data set of that name. Raises OptionError with the nearest one, DataError for one that may not be had."""
    if name == "cityscapes":
        raise DataError(CITYSCAPES)
    if name not in DATASETS:
        raise OptionError(f"no data set is named '{name}'.{did_you_mean(name, DATASETS)}")
    return DATASETS[name]


def download(name: str, root: Path = Path("datasets"), *, base_url: str = "", report: Report | None = None) -> Path:
    """Fetch a data set into <root>/<name>, which appears when it is complete, and return that folder.

    A folder that is there already is left alone. What an interrupted download left is continued. Raises DataError
    when the server cannot be reached, gives something else, or the archive is damaged or unsafe.
    """
    source = remote(name)
    target = root / name
    if target.exists():
        return target
    url = f"{_base(base_url)}/{source.archive}"
    make_folder(root)
    part = _Part(root / f".{name}.part")
    for attempt in range(ATTEMPTS):
        if part.fetch(url, report or _silent):
            break
        if attempt == ATTEMPTS - 1:
            raise DataError(f"the connection to {url} breaks off again and again; the same command continues there.")
    try:
        _unpack_whole(part.path, target)
    finally:
        part.remove()
    return target


def _base(given: str) -> str:
    base = given or os.environ.get(ENVIRONMENT) or BASE_URL
    if not base.startswith(("http://", "https://")):
        raise OptionError(f"'{base}' is no address of a server: it must begin with http:// or https://.")
    return base.rstrip("/")


def _silent(done: int, total: int | None) -> None:
    pass


class _Part:
    """What is there of a file that is being fetched, with a note which version of the file that is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note = path.with_name(f"{path.name}.json")

    def fetch(self, url: str, report: Report) -> bool:
        """Fetch what is missing; whether the file is complete then. Raises DataError when nothing came."""
        before = self._size()
        request = urllib.request.Request(url, headers=self._headers(url))
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                return self._receive(url, response, report)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # nothing follows the part: it is whole, or no beginning of what is there now
                if error.headers.get("Content-Range") == f"bytes */{before}":
                    return True
                self.remove()
                return False
            raise DataError(f"{url} cannot be fetched: the server says {error.code} {error.reason}.") from None
        except (OSError, HTTPException) as error:
            if self._size() > before:
                return False
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            said = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause) or "no answer"
            raise DataError(
                f"{url} cannot be reached ({said}): check the network, or name another server with {ENVIRONMENT}."
            ) from None

    def remove(self) -> None:
        """Forget what was fetched."""
        for path in (self.path, self.note):
            with suppress(OSError):
                path.unlink()

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _headers(self, url: str) -> dict[str, str]:
        try:
            note = json.loads(self.note.read_text())
            if self._size() and note["url"] == url and note["version"]:
                return {"Range": f"bytes={self._size()}-", "If-Range": note["version"]}
        except (OSError, ValueError, TypeError, KeyError):
            pass
        return {}

    def _receive(self, url: str, response: HTTPResponse, report: Report) -> bool:
        continued = response.status == 206
        done = self._size() if continued else 0
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        _check_space(self.path, total or 0, done)
        version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if not continued:
            write_whole(self.note, json.dumps({"url": url, "version": version}).encode())
        with _opened(self.path, "ab" if continued else "wb") as file:
            report(done, total)
            while chunk := response.read(CHUNK):
                _put(self.path, file, chunk)
                done += len(chunk)
                report(done, total)
        return total is None or done == total


def _check_space(path: Path, total: int, done: int) -> None:
    free = shutil.disk_usage(path.parent).free
    needed = 2 * total - done  # the archive and what is in it lie side by side for a while
    if free < needed:
        raise DataError(f"{shown(path.parent)} has {free >> 20} MiB free, and {needed >> 20} MiB are needed.")


def _opened(path: Path, mode: str) -> IO[bytes]:
    try:
        return open(path, mode)
    except OSError as error:
        raise cannot_write(path, error) from error


def _put(path: Path, file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise cannot_write(path, error) from error


def _unpack_whole(archive: Path, target: Path) -> None:
    """Unpack beside the target, then rename; a single folder at the top of the archive is left out."""
    aside = target.with_name(f".{target.name}.unpacked")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        unpack(archive, make_folder(aside))
        inside = [path for path in aside.iterdir() if path.name != "__MACOSX"]
        (inside[0] if len(inside) == 1 and inside[0].is_dir() else aside).rename(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
