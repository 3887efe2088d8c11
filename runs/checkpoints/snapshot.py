"""Copies of a state taken between two steps, into memory that is kept from one save to the next."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Snapshot:
    """Copies nested values; every tensor becomes a contiguous one on the CPU.

    The memory of a copy is used again by the next one, since asking the system for fresh memory costs more time
    than copying: whoever reads a copy must have finished before the next is taken.
    """

    def __init__(self) -> None:
        self._kept: list[Tensor] = []
        self._used = 0

    def take(self, value: Any) -> Any:
        """The same value, its tensors copied."""
        self._used = 0
        copy = self._copy(value)
        del self._kept[self._used :]
        if any(kept.is_pinned() for kept in self._kept):
            torch.cuda.synchronize()  # copies from a GPU run beside the program until here
        return copy

    def _copy(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._memory(value.detach()).copy_(value.detach(), non_blocking=value.is_cuda)
        if isinstance(value, Mapping):
            return {key: self._copy(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._copy(part) for part in value]
        if isinstance(value, tuple):
            return tuple(self._copy(part) for part in value)
        return value

    def _memory(self, like: Tensor) -> Tensor:
        place, self._used = self._used, self._used + 1
        if place < len(self._kept):
            kept = self._kept[place]
            if kept.shape == like.shape and kept.dtype == like.dtype and kept.is_pinned() == like.is_cuda:
                return kept
        fresh = torch.empty(like.shape, dtype=like.dtype, pin_memory=like.is_cuda)
        self._kept[place : place + 1] = [fresh]
        return fresh
