"""A training state: what it holds, how it is copied between two steps, and whether one that was read is valid."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixlate.errors import CheckpointError
from pixlate.plugins.run import Progress

FORMAT = 1
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # a tag becomes the beginning of a file's name


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
    - facts: the fingerprints of data and machine, compared on resume.
    - log_sizes: the length of each log in bytes, to which it is cut back on resume.
    - tags: the further names under which the networks are written, "5" or "iter_4000".
    """
    return {
        "format": FORMAT,
        "position": asdict(progress),
        "facts": dict(facts),
        "logs": dict(log_sizes),
        "tags": list(tags),
        # One section per rank of a distributed run, for what differs between the ranks. A single process has nothing
        # of its own: its generators are seeded from the position, and the rest of the state is common to all ranks.
        "ranks": [{}],
        "model": model,
    }


def check_state(state: dict[str, Any], path: Path) -> dict[str, Any]:
    """Validate every field but the model's own. Raises CheckpointError; returns the same state."""
    written = state.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise CheckpointError(
            f"'{path}' was written by a newer version of pixlate: upgrade pixlate to resume this run."
        )
    if written != FORMAT or not _is_valid(state):
        raise CheckpointError(f"'{path}' is not the state of a run.")
    return state


def network_files(state: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The network files of a state: `<tag>_net_<name>.pth` and `<tag>_net_<name>_ema.pth`, with their state_dicts."""
    for tag in ("latest", *state["tags"]):
        for name, weights in state["model"]["networks"].items():
            yield f"{tag}_net_{name}.pth", weights
        for name, weights in state["model"]["ema"].items():
            yield f"{tag}_net_{name}_ema.pth", weights


def _is_valid(state: Mapping[str, Any]) -> bool:
    position, facts, logs, tags = (state.get(part) for part in ("position", "facts", "logs", "tags"))
    return (
        isinstance(state.get("model"), dict)
        and isinstance(position, dict)
        and set(position) == {field.name for field in fields(Progress)}
        and all(_is_count(value) for value in position.values())
        and position["epoch"] >= 1
        and isinstance(facts, dict)
        and all(isinstance(facts.get(part), dict) for part in ("data", "machine"))
        and isinstance(logs, dict)
        and all(_is_count(size) for size in logs.values())
        and isinstance(tags, list)
        and all(isinstance(tag, str) and _TAG.fullmatch(tag) for tag in tags)
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


class Snapshot:
    """Copies nested values; every tensor becomes a contiguous one on the CPU.

    The memory of a copy is reused by the next one, since allocating fresh memory takes longer than copying
    (docs/reliability.md has the figures): whoever reads a copy must have finished before the next is taken.
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
            return {key: self._copy(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._copy(part) for part in value]
        if isinstance(value, tuple):
            return tuple(self._copy(part) for part in value)
        return value

    def _buffer(self, tensor: Tensor) -> Tensor:
        """The buffer of the next tensor: the one it had in the last copy, where shape and dtype are still the same."""
        index, self._used = self._used, self._used + 1
        if index < len(self._buffers):
            buffer = self._buffers[index]
            same = buffer.shape == tensor.shape and buffer.dtype == tensor.dtype
            if same and buffer.is_pinned() == tensor.is_cuda:
                return buffer
        buffer = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
        self._buffers[index : index + 1] = [buffer]
        return buffer
