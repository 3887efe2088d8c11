"""Where randomness comes from: every draw is a function of the run's seed and of what is drawn for."""

import hashlib
import random

import numpy as np
import torch


def seed_of(*parts: object) -> int:
    """A 63-bit seed that depends on all the parts and on nothing else."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def reseed(*parts: object) -> None:
    """Start every global generator from the parts; before each step, so that nothing else can shift its draws."""
    seed = seed_of(*parts)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
