"""Reads and writes state and weight files. Writes are atomic, and a state's SHA-256 is checked when it is read.

The rename of `latest_state.pt` commits a save. Before it, `latest_state.pt.sha256` holds two checksums, that of the new
state and that of the replaced one: whenever the process is killed, one of them is that of the file.
"""

import hashlib
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from pixlate.models.tensor_files import cannot_read, load_tensors
from pixlate.util.files import atomic_link, atomic_write, cannot_write, flush_to_disk, write_whole
from pixlate.util.foreign import exists, open_file, read_small
from pixlate.util.text import quoted

log = logging.getLogger(__name__)


def write_state(path: Path, state: Mapping[str, Any], *, keep_as: Path | None = None) -> None:
    """Write a state durably, with its checksum in a file beside it.

    - keep_as: a second name for the state that is replaced.

    Raises DataError when it cannot be written.
    """
    with atomic_write(path, durable=True) as file:
        digest = _save(state, file)
        # The new state must be on the disk before the previous one is replaced: a failed write leaves both unchanged.
        flush_to_disk(file)
        if keep_as is not None and path.is_file() and not path.is_symlink():
            link_state(path, keep_as)
        _write_digests(path, {digest, *_digests(path)})
    _write_digests(path, {digest})  # after the rename, which ends the block


def read_state(path: Path) -> dict[str, Any]:
    """Read a state; its tensors are on the CPU.

    Raises CheckpointError when it is missing, cannot be read now, or contains anything but data, and DamagedError when
    it is proven to be damaged: neither the checksum beside it nor those of its records are right.
    """
    try:
        with open_file(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            stored = _digests(path)
            file.seek(0)
            state = load_tensors(file, path, verified=digest in stored if stored else None)
    except OSError as error:
        raise cannot_read(path, error) from error
    if stored and digest not in stored:  # but the checksums inside of it are right
        log.warning(
            f"{quoted(path)} or the checksum beside it is damaged; the state is used, because the checksums of its "
            "content are right."
        )
    return state


def link_state(path: Path, name: Path) -> None:
    """Give a state a second name, with its checksum, replacing the state of that name.

    Raises DataError when it cannot be written.
    """
    digests = _digests(path)
    _write_digests(name, digests | _digests(name))
    atomic_link(path, name)
    _write_digests(name, digests)


def set_aside(path: Path) -> None:
    """Rename a damaged state to `damaged_state.pt`, or `damaged_state_2.pt` and so on; a warning names it.

    Raises DataError when that is impossible.
    """
    number, name = 1, path.with_name("damaged_state.pt")
    try:
        if not exists(path):
            return
        while exists(name):
            number += 1
            name = path.with_name(f"damaged_state_{number}.pt")
        path.rename(name)
    except OSError as error:
        raise cannot_write(name, error) from error
    log.warning(f"The damaged state is kept as {quoted(name)}.")


def write_weights(path: Path, weights: Mapping[str, Any]) -> None:
    """Write one network's bare state_dict, as the reference does. Raises DataError when it cannot be written."""
    with atomic_write(path, durable=True) as file:
        _save(weights, file)


class _HashingFile:
    """A file that computes the SHA-256 of what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.hash = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _save(content: Mapping[str, Any], file: BinaryIO) -> str:
    """Write with torch.save; returns the SHA-256 in hexadecimal. Raises OSError when writing fails."""
    hashing = _HashingFile(file)
    try:
        torch.save(dict(content), hashing)  # type: ignore[arg-type]
    except RuntimeError as error:  # torch.save raises its own error after the OSError of a failed write
        cause = error.__context__
        raise cause if isinstance(cause, OSError) else error from None
    return hashing.hash.hexdigest()


def _checksum_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _digests(path: Path) -> set[str]:
    """The stored checksums, one of which must be the file's; empty where they cannot be read."""
    try:
        lines = read_small(_checksum_file(path)).decode("ascii", "replace").splitlines()
    except OSError:
        return set()
    return {match[0] for line in lines if (match := re.match(r"[0-9a-f]{64}\b", line))}


def _write_digests(path: Path, digests: set[str]) -> None:
    lines = "".join(f"{digest}  {path.name}\n" for digest in sorted(digests))  # the format of sha256sum
    write_whole(_checksum_file(path), lines.encode(), durable=True)
