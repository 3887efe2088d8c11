"""A training state: its content, its validation after reading, and the copying of its tensors between two steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixlate._version import __version__
from pixlate.errors import CheckpointError
from pixlate.options.fields import is_tag
from pixlate.plugins.run import Progress
from pixlate.util.text import quoted, shown

FORMAT = 1  # the version of the state's layout
MAX_TAGS = 8  # of one save, which has one or two: files are written for each


def new_state(
    model: Mapping[str, Any],
    progress: Progress,
    *,
    facts: Mapping[str, Any],
    log_sizes: Mapping[str, int],
    tags: Sequence[str],
) -> dict[str, Any]:
    """The content of a state file.

    - model: the model's state_dict, copied.
    - facts: the fingerprints of data and machine, and the options that define the run, compared on resume.
    - log_sizes: the length of each log in bytes, to which it is truncated on resume.
    - tags: further names under which the networks are written, "5" or "iter_4000".
    """
    return {
        "format": FORMAT,
        "position": asdict(progress),
        "facts": dict(facts),
        "logs": dict(log_sizes),
        "tags": list(tags),
        # One section per rank of a distributed run, for what differs between ranks. It is empty for a single process:
        # generators are seeded from the position, and everything else is common to all ranks.
        "ranks": [{}],
        "model": model,
    }


def check_state(state: dict[str, Any], path: Path) -> dict[str, Any]:
    """Validate every field except the model's; returns the same state. Raises CheckpointError for an invalid one."""
    version = state.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise CheckpointError(
            f"{quoted(path)} was written by a newer version of pixlate{_writer(state)}: upgrade pixlate, which is "
            f"{__version__} here, to resume this run."
        )
    if version != FORMAT or not _is_valid(state):
        raise CheckpointError(f"{quoted(path)} is not the state of a run{_writer(state)}.")
    return state


def network_files(state: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The network files of a state: `<tag>_net_<name>.pth` and `<tag>_net_<name>_ema.pth`, with their state_dicts."""
    for tag in ("latest", *state["tags"]):
        for name, weights in state["model"]["networks"].items():
            yield f"{tag}_net_{name}.pth", weights
        for name, weights in state["model"]["ema"].items():
            yield f"{tag}_net_{name}_ema.pth", weights


def _is_valid(state: Mapping[str, Any]) -> bool:
    position, facts, logs, tags = (state.get(key) for key in ("position", "facts", "logs", "tags"))
    return (
        isinstance(state.get("model"), dict)
        and isinstance(position, dict)
        and set(position) == {field.name for field in fields(Progress)}
        and all(_is_count(value) for value in position.values())
        and position["epoch"] >= 1
        and isinstance(facts, dict)
        and all(isinstance(facts.get(key), dict) for key in ("data", "machine"))
        and isinstance(facts.get("options", {}), dict)
        and isinstance(logs, dict)
        and all(_is_count(size) for size in logs.values())
        and isinstance(tags, list)
        and len(tags) <= MAX_TAGS
        and all(isinstance(tag, str) and is_tag(tag) for tag in tags)
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < 2**53


def _writer(state: Mapping[str, Any]) -> str:
    """The version that wrote a state, in parentheses; empty where it is not known."""
    facts = state.get("facts")
    machine = facts.get("machine") if isinstance(facts, dict) else None
    version = machine.get("pixlate") if isinstance(machine, dict) else None
    return f" ({shown(version)})" if version else ""


class Snapshot:
    """Copies nested values; every tensor becomes a contiguous one on the CPU.

    A copy reuses the memory of the previous one, because allocating takes longer than copying (figures in
    docs/reliability.md). The previous copy must no longer be in use.
    """

    def __init__(self) -> None:
        self._buffers: list[Tensor] = []
        self._used = 0

    def take(self, value: Any) -> Any:
        """The same value, its tensors copied."""
        self._used = 0
        copy = self._copy(value)
        del self._buffers[self._used :]
        if any(buffer.is_pinned() for buffer in self._buffers):
            torch.cuda.synchronize()  # copies from a GPU are asynchronous until here
        return copy

    def _copy(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._buffer(value.detach()).copy_(value.detach(), non_blocking=value.is_cuda)
        if isinstance(value, Mapping):
            return {key: self._copy(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._copy(item) for item in value]
        if isinstance(value, tuple):
            return tuple(self._copy(item) for item in value)
        return value

    def _buffer(self, tensor: Tensor) -> Tensor:
        """The buffer of the next tensor: that of the last copy, where shape and dtype are the same."""
        index, self._used = self._used, self._used + 1
        if index < len(self._buffers):
            buffer = self._buffers[index]
            fits = buffer.shape == tensor.shape and buffer.dtype == tensor.dtype
            if fits and buffer.is_pinned() == tensor.is_cuda:
                return buffer
        # Pinned memory for tensors on a GPU: only into that can they be copied asynchronously.
        buffer = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
        self._buffers[index : index + 1] = [buffer]
        return buffer
