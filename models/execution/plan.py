"""How networks are run on the hardware at hand; every choice here was measured, see docs/performance.md."""

import ctypes
import os
import sys
from dataclasses import dataclass

import torch

from pixlate.options.shared import OptimisationOptions

from .device import autocast_dtype

#: What sets the C library's allocator from outside; where one of them is given, it is left alone.
ALLOCATOR_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)


@dataclass(frozen=True)
class Execution:
    """How networks are run: in which arithmetic (None: as the weights are), compiled or not, in which layout."""

    device: torch.device
    dtype: torch.dtype | None = None
    compiled: bool = False
    channels_last: bool = False
    checkpointed: bool = False
    train: bool = True


def choose_execution(options: OptimisationOptions, device: torch.device, *, train: bool) -> Execution:
    """What `--precision`, `--compile` and `--checkpoint_gradients` mean on a device."""
    dtype = autocast_dtype(options.precision, device)
    return Execution(
        device,
        dtype,
        compiled=options.compile == "on" and train,
        # Tensor cores want N×H×W×C in 16 bits. On CPUs reordering weights costs as much as it gains.
        channels_last=dtype is not None and device.type == "cuda",
        checkpointed=options.checkpoint_gradients and train,
        train=train,
    )


def keep_freed_memory() -> bool:
    """Have this process keep the memory that a step frees for the next step; returns whether that is so now.

    glibc gives large blocks back to the system at once, and a training step asks for the same gigabytes again,
    which arrive page by page, filled with zeros. Only for a process that trains or tests: it changes the whole
    process. Other C libraries, and settings made from outside, are left alone.
    """
    if sys.platform != "linux" or any(name in os.environ for name in ALLOCATOR_SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_MMAP_THRESHOLD, 1 << 30) and mallopt(_TRIM_THRESHOLD, 2**31 - 1))
