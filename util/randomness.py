"""Seeding of random generators, and the deterministic algorithms of `--deterministic`."""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_of(*keys: object) -> int:
    """A 63-bit seed, in [0, 2^63), that is a function of the keys alone."""
    # Not `hash()`, which differs between processes: Python salts the hashes of strings.
    digest = hashlib.sha256(repr(keys).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def reseed(*keys: object) -> None:
    """Seed the global generators of Python, NumPy and PyTorch with `seed_of(*keys)`.

    Called before each step: whatever draws between two steps, as a viewer may, has no influence on the next step.
    """
    seed = seed_of(*keys)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # NumPy's legacy generator takes 32 bits
    torch.manual_seed(seed)


@contextmanager
def deterministic_algorithms(enabled: bool) -> Iterator[None]:
    """Within this block PyTorch uses deterministic algorithms, if `enabled`.

    An operation without a deterministic form only warns, once. The settings apply to the whole process and are
    restored afterwards, except for the environment variable, which cuBLAS reads once, when it is initialised.
    """
    if not enabled:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn, memory = torch.backends.cudnn, torch.utils.deterministic
    was_enabled = torch.are_deterministic_algorithms_enabled()
    was_warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    flags = (cudnn.deterministic, cudnn.benchmark, memory.fill_uninitialized_memory)  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True, warn_only=True)
    cudnn.deterministic, cudnn.benchmark = True, False
    # PyTorch would also fill newly allocated memory, to make reads of uninitialised values repeatable. pixlate has no
    # such reads, and filling slows every allocation.
    memory.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(was_enabled, warn_only=was_warn_only)
        cudnn.deterministic, cudnn.benchmark, memory.fill_uninitialized_memory = flags  # type: ignore[attr-defined]
