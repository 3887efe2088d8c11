"""Downloads public data sets: interrupted transfers are resumed, lengths are checked, archives are unpacked safely.

Only one process at a time downloads a data set; others wait for its result.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from pixlate.errors import DataError
from pixlate.util.files import cannot_write, make_folder
from pixlate.util.locks import only_maker
from pixlate.util.text import quoted

from .archive import unpack
from .catalogue import remote
from .partial import PartialFile, Report
from .servers import fetch, servers


def download(
    name: str,
    root: Path = Path("datasets"),
    *,
    base_url: str = "",
    sha256: str = "",
    report: Report | None = None,
) -> Path:
    """Download a data set to the folder <root>/<name> and return it. The folder appears when it is complete.

    An existing folder is returned as it is, and an interrupted download is resumed. While another process downloads
    the same data set, this one waits for its result.

    - base_url: the servers, tried in order; by default those of the environment variable PIXLATE_DOWNLOAD_URL, else the
      authors'.
    - sha256: the checksum of the archive; where empty, that of the mirror's file SHA256SUMS, if there is one.
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
    addresses = servers(base_url)
    make_folder(root)
    with only_maker(target):
        if not target.is_dir():  # else another process has completed it meanwhile
            fetch(places.partial, source.archive, addresses, sha256, report or _no_report)
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


def _no_report(done: int, total: int | None) -> None:
    pass
