"""Files of states and weights: on the disk whole or not at all, and a state is checked by its SHA-256 when read.

The rename of `latest_state.pt` is the commit of a save. `latest_state.pt.sha256` holds the new state's checksum
before that rename, beside that of the state which it replaces, so that one of them fits whenever a process is killed.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from pixlate.errors import CheckpointError
from pixlate.models.weights import read_tensors
from pixlate.util.files import atomic_link, atomic_write, write_whole


def write_state(path: Path, state: Mapping[str, Any], *, keep_as: Path | None = None) -> None:
    """Write a state durably, with its checksum in a file beside it.

    `keep_as` is a second name for the state that is replaced. Raises DataError when the disk refuses.
    """
    with atomic_write(path, durable=True) as file:
        digest = _save(state, file)
        # The new state is on the disk before the previous one is replaced: a refused write leaves both as they are.
        file.flush()
        os.fsync(file.fileno())
        if keep_as is not None and path.exists():
            link_state(path, keep_as)
        _write_digests(path, {digest, *_digests(path)})
    _write_digests(path, {digest})


def read_state(path: Path, *, device: str = "cpu") -> dict[str, Any]:
    """Read a state. Raises CheckpointError when it is missing, damaged, or holds anything but data."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror}.") from error
    if digest not in (_digests(path) or {digest}):
        raise CheckpointError(f"'{path}' is damaged: its checksum differs from the one stored beside it.")
    return read_tensors(path, device=device)


def link_state(path: Path, name: Path) -> None:
    """Give a state a second name, with its checksum, in place of the state that had that name.

    Raises DataError when the disk refuses.
    """
    digests = _digests(path)
    _write_digests(name, digests | _digests(name))
    atomic_link(path, name)
    _write_digests(name, digests)


def write_weights(path: Path, weights: Mapping[str, Any]) -> None:
    """Write one network's bare state_dict, as the reference does. Raises DataError when the disk refuses."""
    with atomic_write(path, durable=True) as file:
        _save(weights, file)


class _HashingFile:
    """Passes on what is written to it and computes its SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.hash = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _save(content: Mapping[str, Any], file: BinaryIO) -> str:
    """Write with torch.save; returns the SHA-256 in hexadecimal. Raises OSError when the disk refuses."""
    hashing = _HashingFile(file)
    try:
        torch.save(dict(content), hashing)  # type: ignore[arg-type]
    except RuntimeError as error:  # torch hides a failed write's OSError behind its own
        cause = error.__context__
        raise cause if isinstance(cause, OSError) else error from None
    return hashing.hash.hexdigest()


def _checksum_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _digests(path: Path) -> set[str]:
    """The checksums of which one must fit; none where there is no readable file of them."""
    try:
        return {line.split()[0] for line in _checksum_file(path).read_text("utf-8").splitlines() if line.strip()}
    except (OSError, UnicodeDecodeError):
        return set()


def _write_digests(path: Path, digests: set[str]) -> None:
    lines = "".join(f"{digest}  {path.name}\n" for digest in sorted(digests))  # the format of sha256sum
    write_whole(_checksum_file(path), lines.encode(), durable=True)
