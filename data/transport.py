"""Carries batches from the processes that load them.

Tensors go through a ring of slots in shared memory: one copy in, one copy out, where a queue costs several times
the loading itself. What does not fit, and the first batch, which shows the size of a slot, goes through the queue.
"""

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .batches import Batch
from .memory import SharedMemory, attach

ALIGNMENT = 64


@dataclass(frozen=True)
class Slot:
    """A place for one batch: bytes `start` to `start + size` of the shared memory `name`, which has `total`."""

    name: str
    total: int
    start: int
    size: int


@dataclass(frozen=True)
class Placed:
    """Where in a slot a tensor lies."""

    start: int
    dtype: torch.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Loose:
    """A tensor that travels by itself, as bytes: sharing it as torch does takes a file descriptor each."""

    data: bytes
    dtype: torch.dtype
    shape: tuple[int, ...]


class Ring:
    """The slots for the batches under way, of which at most `depth` are."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._memory: SharedMemory | None = None
        self._usable = True

    def slot(self, ticket: int) -> tuple[Slot, SharedMemory] | None:
        """The slot for the batch of this number, and the memory that must live until it is unpacked."""
        memory = self._memory
        if memory is None:
            return None
        size = memory.size // self._depth
        return Slot(memory.name, memory.size, ticket % self._depth * size, size), memory

    def fit(self, batch: Batch) -> None:
        """Make the slots of later batches large enough for one like this."""
        size = sum(_padded(part) for part in batch.values() if isinstance(part, Tensor))
        if not self._usable or size == 0 or (self._memory and size <= self._memory.size // self._depth):
            return
        try:
            self._memory = SharedMemory(size * self._depth)
        except OSError:  # no memory for it: batches go through the queue
            self._usable, self._memory = False, None


def pack(batch: Batch, slot: Slot | None) -> Batch:
    """A batch with its tensors replaced by their places in the slot, or by their bytes."""
    size = sum(_padded(part) for part in batch.values() if isinstance(part, Tensor))
    try:
        target = _attached(slot.name, slot.total) if slot and size <= slot.size else None
    except OSError:
        target = None
    packed: Batch = {}
    place = slot.start if slot else 0
    for name, part in batch.items():
        if not isinstance(part, Tensor):
            packed[name] = part
        elif target is None:
            flat = part.contiguous().view(-1).view(torch.uint8)
            packed[name] = Loose(flat.numpy().tobytes(), part.dtype, tuple(part.shape))
        else:
            placed = Placed(place, part.dtype, tuple(part.shape))
            _at(target, placed).copy_(part)
            packed[name] = placed
            place += _padded(part)
    return packed


def unpack(packed: Batch, memory: SharedMemory | None, *, pin: bool = False) -> Batch:
    """The batch again, its tensors owned by this process, in pinned memory if asked for."""
    return {name: _unpacked(part, memory, pin) for name, part in packed.items()}


def _unpacked(part: Any, memory: SharedMemory | None, pin: bool) -> Any:
    if isinstance(part, Placed):
        assert memory is not None
        copied = torch.empty(part.shape, dtype=part.dtype, pin_memory=pin)
        # By numpy, on one core: after a parallel copy torch's other threads would keep theirs busy, waiting for more.
        copied.view(-1).view(torch.uint8).numpy()[:] = _at(memory.bytes, part).view(-1).view(torch.uint8).numpy()
        return copied
    if isinstance(part, Loose):
        tensor = torch.frombuffer(bytearray(part.data), dtype=part.dtype).view(part.shape)
        return tensor.pin_memory() if pin else tensor
    return part


def _at(flat: Tensor, placed: Placed) -> Tensor:
    size = placed.dtype.itemsize
    for side in placed.shape:
        size *= side
    return flat[placed.start : placed.start + size].view(placed.dtype).view(placed.shape)


def _padded(tensor: Tensor) -> int:
    return -(-tensor.numel() * tensor.element_size() // ALIGNMENT) * ALIGNMENT


@functools.lru_cache(maxsize=2)
def _attached(name: str, size: int) -> Tensor:
    return attach(name, size)
