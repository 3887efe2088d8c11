"""Digests of the content of files: of one, and of many, from a sample of each that notices files that were replaced."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .foreign import open_file

BLOCKS, BLOCK_BYTES = 8, 4096  # of a file that is larger than the blocks together
THREADS = 8  # reading waits for the disk, or the network


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal. Raises OSError."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(paths: Sequence[str]) -> str:
    """A digest of the sizes of files and of blocks spread over each; of small files of all bytes.

    Times and places of the files do not matter. A file that cannot be read counts as one without content.
    """
    digest = hashlib.sha256()
    with ThreadPoolExecutor(THREADS) as pool:
        for sample in pool.map(_sample, paths):
            digest.update(sample)
    return digest.hexdigest()


def _sample(path: str) -> bytes:
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            digest.update(size.to_bytes(8, "big"))
            if size <= BLOCKS * BLOCK_BYTES:
                digest.update(file.read())
            else:
                for block in range(BLOCKS):
                    file.seek((size - BLOCK_BYTES) * block // (BLOCKS - 1))
                    digest.update(file.read(BLOCK_BYTES))
    except OSError:
        return b"\0" * digest.digest_size
    return digest.digest()
