"""The servers of downloads: the authors' and mirrors, tried in order; and the checksums of what they send."""

import hashlib
import logging
import os
import re
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath

from pixlate.errors import DataError, OptionError
from pixlate.util.text import quoted

from .connection import open_url
from .partial import PartialFile, Report

log = logging.getLogger(__name__)

AUTHORS = "http://efrosgans.eecs.berkeley.edu"
ENVIRONMENT = "PIXLATE_DOWNLOAD_URL"
CHECKSUMS = "SHA256SUMS"  # of a mirror, as sha256sum writes it
MAX_CHECKSUMS = 1 << 20  # bytes of that file
SECONDS = 30.0  # in which it must arrive
ATTEMPTS = 3


def servers(addresses: str = "") -> list[str]:
    """The addresses of the servers, in the order in which they are tried.

    - addresses: separated by spaces or commas; where empty, those of the environment, else the authors' server.

    Raises OptionError for one that is neither http nor https.
    """
    text = addresses or os.environ.get(ENVIRONMENT, "") or AUTHORS
    found = [address.rstrip("/") for address in re.split(r"[\s,]+", text.strip())]
    for address in found:
        if not address.startswith(("http://", "https://")):  # urllib also opens file: and ftp:
            raise OptionError(
                f"{quoted(address)} is not the address of a server: it must begin with http:// or https://."
            )
    return found


def fetch(partial: PartialFile, path: str, addresses: Sequence[str], sha256: str, report: Report) -> None:
    """Fetch a file from the first server that has it whole, and check it.

    - path: on each server.
    - sha256: of the file, in hexadecimal digits; where empty, the one in the mirror's SHA256SUMS, if there is one.

    Raises the DataError of the last server where none has it.
    """
    for number, server in enumerate(addresses, start=1):
        try:
            _fetch_from(server, partial, path, sha256, report)
            return
        except DataError as error:
            if number == len(addresses):
                raise
            log.warning(f"{error} Trying {addresses[number]}.")


def valid_sha256(text: str) -> str:
    """A checksum in lower case. Raises OptionError for another text."""
    if text and not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise OptionError(f"{text[:70]!r} is no SHA-256 checksum, which has 64 hexadecimal digits.")
    return text.lower()


def _fetch_from(server: str, partial: PartialFile, path: str, sha256: str, report: Report) -> None:
    url = f"{server}/{path}"
    for _ in range(ATTEMPTS):
        if partial.fetch(url, report):
            break
    else:
        raise DataError(f"the connection to {url} was lost {ATTEMPTS} times; run the same command again to resume.")
    expected = sha256 or (_listed_checksum(server, path) if server != AUTHORS else "")
    if expected and (found := _checksum(partial.path)) != expected:
        partial.remove()
        raise DataError(
            f"what {url} sent has the SHA-256 checksum {found[:12]}…, not {expected[:12]}…: it is removed, because it "
            "is damaged or another file."
        )


def _listed_checksum(server: str, path: str) -> str:
    """The checksum of a path in the server's SHA256SUMS; empty where it has none."""
    with suppress(Exception):  # of a server without it, or with another file of that name
        names = (path, f"./{path}", PurePosixPath(path).name)
        for line in _small_file(f"{server}/{CHECKSUMS}").decode("utf-8").splitlines():
            match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line)
            if match and match[2] in names:
                return match[1].lower()
    return ""


def _small_file(url: str) -> bytes:
    """The content of a file of at most MAX_CHECKSUMS bytes, as far as it arrives in time."""
    content, end = b"", time.monotonic() + SECONDS
    with closing(open_url(url, {})) as response:
        while len(content) < MAX_CHECKSUMS and time.monotonic() < end and (chunk := response.read1(1 << 16)):
            content += chunk
    return content


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
