"""Reads files that torch.save wrote: no code in them is executed, and no more memory is used than they are large.

A file is checked before torch reads it: the checksums of its records, which torch ignores, their sizes, and the names
of what its pickle builds. Afterwards its tensors are checked: a view with stride 0 of one number can claim gigabytes.
"""

import io
import os
import pickletools
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import torch
from torch import Tensor, nn

from pixlate.errors import CheckpointError, DamagedError
from pixlate.util.foreign import foreign, open_file, reason
from pixlate.util.text import quoted, shortened

MAX_DEPTH = 32  # of values inside of values; those of a training state have 6
#: The bytes of all tensors for each byte of their file: names of one network may share a tensor (tied weights).
MAX_SHARING = 4
_CHUNK = 2**20  # bytes
#: What a pickle of tensors and plain values is built from, besides storages and dtypes. torch's own list is longer, and
#: has functions that allocate as much as they are told to, such as bytearray.
_BUILDERS = frozenset(
    {
        "collections.Counter",
        "collections.OrderedDict",
        "_codecs.encode",
        "builtins.complex",
        "__builtin__.complex",
        "builtins.set",
        "__builtin__.set",
        "torch.Size",
        "torch.device",
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
        "torch.storage.TypedStorage",
        "torch.storage.UntypedStorage",
        "torch._utils._rebuild_meta_tensor_no_storage",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_parameter_with_state",
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_tensor_v3",
    }
)


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a dict of tensors and plain values; its tensors are on the CPU.

    Raises CheckpointError if it is missing, unreadable or no such file, DamagedError if it is proven to be damaged.
    """
    try:
        with open_file(path) as file:
            return load_tensors(file, path)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {quoted(path)}.") from None
    except OSError as error:
        raise cannot_read(path, error) from error


def load_tensors(file: BinaryIO, path: Path, *, verified: bool | None = None) -> dict[str, Any]:
    """Read a dict of tensors and plain values from an open file.

    - path: its path, for errors.
    - verified: whether a checksum of the whole file was right; those inside of it need not be compared then. None where
      there is none.

    Raises the errors of `read_tensors`, and OSError.
    """
    size = os.fstat(file.fileno()).st_size
    _check_structure(file, size, path, verified=verified)
    file.seek(0)
    with foreign(lambda problem: CheckpointError(f"{quoted(path)} is no checkpoint that can be loaded: {problem}.")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of old formats and unusual pickles
            content = torch.load(file, map_location="cpu", weights_only=True)
        if not isinstance(content, dict):
            raise CheckpointError(f"{quoted(path)} holds a {type(content).__name__}, not a checkpoint.")
        if not all(isinstance(key, str) for key in content):
            raise CheckpointError(f"{quoted(path)} holds a dict whose keys are not names, not a checkpoint.")
        _check_tensors(content, size, path)
    return dict(content)


def cannot_read(path: Path, error: OSError) -> CheckpointError:
    """The error for a checkpoint that cannot be read now: that says nothing about what it holds."""
    return CheckpointError(f"{quoted(path)} cannot be read: {reason(error)}.")


def _check_structure(file: BinaryIO, size: int, path: Path, *, verified: bool | None) -> None:
    """Check the records of a file before torch reads it."""
    # A file whose checksum is right is not damaged, whatever it holds.
    broken = CheckpointError if verified else DamagedError
    unproven = DamagedError(f"{quoted(path)} is damaged: its checksum is not the one beside it.")
    start = file.read(4)
    if start[:1] == b"\x80":  # the format before PyTorch 1.6: pickles one after another, without checksums
        if verified is False:
            raise unproven
        file.seek(0)
        _check_pickle(file, path)
        return
    if start[:2] != b"PK":
        raise broken(f"{quoted(path)} is damaged or is no checkpoint.")
    with foreign(lambda problem: broken(f"{quoted(path)} is damaged: {problem}.")), zipfile.ZipFile(file) as archive:
        records = archive.infolist()
        if sum(record.file_size for record in records) > size:
            # torch.save never compresses; a compressed archive of some kilobytes can hold gigabytes.
            raise CheckpointError(
                f"{quoted(path)} is compressed: load it with torch.load, and save it with torch.save."
            )
        # Without checksums (torch.serialization.set_crc32_options), all of them are 0.
        has_checksums = any(record.CRC for record in records)
        if verified is False and not has_checksums:
            raise unproven
        if not has_checksums:
            for record in records:
                del record.CRC  # zipfile would compare with 0
        elif not verified:
            for record in records:
                with archive.open(record) as content:
                    while content.read(_CHUNK):  # raises BadZipFile at its end if the checksum differs
                        pass
        for record in records:
            if record.filename.lower().endswith(".pkl"):  # torch ignores the case of names
                with archive.open(record) as content:
                    _check_pickle(io.BytesIO(content.read()), path)  # without checksums zipfile cannot seek


def _check_pickle(file: IO[bytes], path: Path) -> None:
    """Raise CheckpointError for a pickle that would build anything but tensors and plain values."""
    with foreign(lambda problem: CheckpointError(f"{quoted(path)} is damaged or is no checkpoint: {problem}.")):
        for _ in range(5):  # in the old format: a number, a version, facts about the machine, the content, names
            for opcode, argument, _ in pickletools.genops(file):
                if opcode.name in ("GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
                    name = str(argument).replace(" ", ".")
                    if not _is_builder(name):
                        raise CheckpointError(
                            f"{quoted(path)} holds more than tensors and plain values ({name}); it was not loaded."
                        )
            if file.read(1) != b"\x80":
                return
            file.seek(-1, os.SEEK_CUR)


def _is_builder(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    if module == "torch":
        return (
            name in _BUILDERS or attribute.endswith("Storage") or isinstance(getattr(torch, attribute, 0), torch.dtype)
        )
    return name in _BUILDERS


def _check_tensors(content: Mapping[str, Any], size: int, path: Path) -> None:
    """Raise CheckpointError for tensors of an unusual kind, or if they claim more memory than the file is large."""
    claimed = 0
    for name, tensor in _tensors(content, most=max(size, 1)):
        problem = f"is {kind}" if (kind := _unusual(tensor)) else ""
        if not problem:
            needed = tensor.numel() * tensor.element_size()
            claimed += needed
            if needed > tensor.untyped_storage().nbytes() or claimed > MAX_SHARING * size:
                problem = "claims more numbers than the file holds"
        if problem:
            raise CheckpointError(f"{quoted(path)} cannot be used: {quoted(shortened(name))} {problem}.")


def _tensors(content: Mapping[str, Any], most: int) -> Iterator[tuple[str, Tensor]]:
    """All tensors inside of nested values, with their names.

    - most: raise ValueError after so many values: a list that holds itself has infinitely many.
    """
    containers: list[tuple[str, Any, int]] = [("", content, 0)]
    count = 0
    while containers:
        name, container, depth = containers.pop()
        count += len(container)
        if depth > MAX_DEPTH or count > most:
            raise ValueError("its values are nested too deeply")
        for key, value in container.items() if isinstance(container, Mapping) else enumerate(container):
            if isinstance(value, Tensor):
                yield f"{name}{key}", value
            elif isinstance(value, Mapping | list | tuple | set):
                containers.append((f"{name}{key}.", value, depth + 1))


def _unusual(tensor: Tensor) -> str:
    """What distinguishes a tensor from a plain one of real numbers; empty for a plain one."""
    if tensor.layout is not torch.strided:
        return "a sparse tensor"
    if tensor.device.type != "cpu":
        return f"on the device '{tensor.device.type}', without numbers"
    if tensor.is_nested:
        return "a nested tensor"
    if tensor.is_quantized:
        return "a quantized tensor"
    if tensor.is_complex():
        return "a tensor of complex numbers"
    return "" if type(tensor) in (Tensor, nn.Parameter) else f"a {type(tensor).__name__}"
