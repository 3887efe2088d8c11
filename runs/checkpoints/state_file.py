"""The state file: everything a run needs to go on, on the disk whole or not at all, and checked when read."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import torch

from pixlate.errors import CheckpointError
from pixlate.models.weights import read_tensors
from pixlate.util.files import cannot_write, write_whole


def write_state(path: Path, state: Mapping[str, Any], *, keep_as: Path | None = None) -> None:
    """Write a state aside, flush it to the disk and rename it: the rename is the commit.

    Its checksum is on the disk before, beside that of the state it replaces, so that one of them always fits.
    `keep_as` is a second name for the state that is replaced. Raises DataError when the disk refuses.
    """
    aside = path.with_name(f".part-{path.name}")
    try:
        with aside.open("wb") as file:
            digest = _save(state, file)
        if keep_as is not None and path.exists():
            second_name(path, keep_as)
        _note(path, {digest, *_digests(path)})
        aside.replace(path)
        _flush_folder(path.parent)
        _note(path, {digest})
    except BaseException as error:
        with suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def read_state(path: Path, *, device: str = "cpu") -> dict[str, Any]:
    """Read a state. Raises CheckpointError when it is missing, damaged, or holds anything but data."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest not in (_digests(path) or {digest}):
            raise CheckpointError(f"'{path}' is damaged: its checksum differs from the one stored beside it.")
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror}.") from error
    return read_tensors(path, device=device)


def write_weights(path: Path, weights: Mapping[str, Any]) -> None:
    """Write one network's bare state_dict, as the reference does, whole or not at all."""
    aside = path.with_name(f".part-{path.name}")
    try:
        with aside.open("wb") as file:
            _save(weights, file)
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink()
        raise cannot_write(path, error) from error


class _Hashing:
    """A file that takes the SHA-256 of all that is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.hash = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _save(state: Mapping[str, Any], file: BinaryIO) -> str:
    hashing = _Hashing(file)
    try:
        torch.save(dict(state), hashing)  # type: ignore[arg-type]
    except RuntimeError as error:  # torch hides a failed write's OSError behind its own
        cause = error.__context__
        raise cause if isinstance(cause, OSError) else error from None
    file.flush()
    os.fsync(file.fileno())
    return hashing.hash.hexdigest()


def _checksum(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _digests(path: Path) -> set[str]:
    try:
        return {line.split()[0] for line in _checksum(path).read_text("utf-8").splitlines() if line.strip()}
    except (OSError, UnicodeDecodeError):
        return set()


def _note(path: Path, digests: set[str]) -> None:
    lines = "".join(f"{digest}  {path.name}\n" for digest in sorted(digests))
    write_whole(_checksum(path), lines.encode(), durable=True)


def second_name(path: Path, name: Path) -> None:
    """Give a state a second name with its checksum, in place of what had that name, without copying it.

    Raises OSError or DataError when the disk refuses.
    """
    digests = _digests(path)
    aside = name.with_name(f".part-{name.name}")
    aside.unlink(missing_ok=True)
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        shutil.copyfile(path, aside)
    _note(name, digests | _digests(name))
    aside.replace(name)
    aside.unlink(missing_ok=True)  # a second name of the same file is not renamed, and stays
    _note(name, digests)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
