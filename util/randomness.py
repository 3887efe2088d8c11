"""Randomness and repeatability: every draw is a function of the seed, and `--deterministic` of the algorithms too."""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_of(*parts: object) -> int:
    """A 63-bit seed that depends on all the parts and on nothing else."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def reseed(*parts: object) -> None:
    """Seed every global generator from the parts; before each step, so that nothing else can shift its draws."""
    seed = seed_of(*parts)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def deterministic_algorithms(enabled: bool) -> Iterator[None]:
    """Within this block PyTorch uses deterministic algorithms, if `enabled`.

    An operation that has none warns, once, in PyTorch's words. The settings are those of the whole process; they are
    restored afterwards, except for the environment variable that cuBLAS reads when it starts.
    """
    if not enabled:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn, memory = torch.backends.cudnn, torch.utils.deterministic
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        (cudnn.deterministic, cudnn.benchmark, memory.fill_uninitialized_memory),  # type: ignore[attr-defined]
    )
    torch.use_deterministic_algorithms(True, warn_only=True)
    cudnn.deterministic, cudnn.benchmark = True, False
    # Filling fresh memory finds reads of uninitialised values, which pixlate has none of, and costs every allocation.
    memory.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark, memory.fill_uninitialized_memory = before[2]  # type: ignore[attr-defined]
