"""Downloads public data sets: interrupted transfers are resumed, lengths are checked, archives are unpacked safely.

Only one process at a time downloads a data set; others wait for its result.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from pixlate.errors import DataError, OptionError
from pixlate.util.files import cannot_write, make_folder
from pixlate.util.locks import only_maker
from pixlate.util.text import quoted

from .archive import unpack
from .catalogue import remote
from .partial import PartialFile, Report

BASE_URL = "http://efrosgans.eecs.berkeley.edu"
ENVIRONMENT = "PIXLATE_DOWNLOAD_URL"
ATTEMPTS = 3


def download(name: str, root: Path = Path("datasets"), *, base_url: str = "", report: Report | None = None) -> Path:
    """Download a data set to the folder <root>/<name> and return it. The folder appears when it is complete.

    An existing folder is returned as it is, and an interrupted download is resumed. While another process downloads
    the same data set, this one waits for its result.

    - base_url: the server; by default that of the environment variable PIXLATE_DOWNLOAD_URL, else of the authors.
    - report: called with the bytes received so far and their total.

    Raises OptionError for an unknown name or an invalid address, DataError if the server cannot be reached or answers
    with an error, if the archive is damaged or unsafe, and if the folder cannot be written.
    """
    source = remote(name)
    target, places = root / name, _Places(root, name)
    if target.is_dir():
        if places.used():  # left by a process that was killed, or still in use
            with suppress(DataError), only_maker(target):  # the folder need not be writable any more
                places.clear()
        return target
    if os.path.lexists(target):
        raise DataError(f"{quoted(target)} exists, but is not a folder: remove it, or choose another one with --to.")
    url = f"{_server(base_url)}/{source.archive}"
    make_folder(root)
    with only_maker(target):
        if not target.is_dir():  # else another process has completed it meanwhile
            _fetch(places.partial, url, report or _no_report)
            _unpack_complete(places, target)
        places.clear()  # not if unpacking was interrupted: the next command needs no download
    return target


class _Places:
    """Where a data set lies until it is complete, hidden beside its folder."""

    def __init__(self, root: Path, name: str) -> None:
        self.partial = PartialFile(root / f".{name}.part")
        self.unpacked = root / f".{name}.unpacked"

    def used(self) -> bool:
        return self.partial.exists() or os.path.lexists(self.unpacked)

    def clear(self) -> None:
        self.partial.remove()
        shutil.rmtree(self.unpacked, ignore_errors=True)


def _fetch(partial: PartialFile, url: str, report: Report) -> None:
    for _ in range(ATTEMPTS):
        if partial.fetch(url, report):
            return
    raise DataError(f"the connection to {url} was lost {ATTEMPTS} times; run the same command again to resume.")


def _unpack_complete(places: _Places, target: Path) -> None:
    """Unpack beside the target, then rename. If the archive has a single folder at its top, that one is renamed."""
    unpacked = places.unpacked
    shutil.rmtree(unpacked, ignore_errors=True)  # of a process that was killed
    try:
        unpack(places.partial.path, make_folder(unpacked))
        content = [path for path in unpacked.iterdir() if path.name != "__MACOSX"]  # Finder's copies of metadata
        (content[0] if len(content) == 1 and content[0].is_dir() else unpacked).rename(target)
    except (OSError, DataError) as error:
        places.clear()  # a damaged archive would be rejected again: the next download starts from the beginning
        if isinstance(error, OSError):
            raise cannot_write(target, error) from error
        raise
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _server(base_url: str) -> str:
    server = base_url or os.environ.get(ENVIRONMENT) or BASE_URL
    if not server.startswith(("http://", "https://")):  # urllib also opens file: and ftp:
        raise OptionError(f"{quoted(server)} is not the address of a server: it must begin with http:// or https://.")
    return server.rstrip("/")


def _no_report(done: int, total: int | None) -> None:
    pass
