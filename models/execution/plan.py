"""Chooses how networks are executed on the available hardware.

Every choice was measured; docs/performance.md has the figures, and lists what was tried without gain.
"""

import ctypes
import os
import sys
from dataclasses import dataclass

import torch

from pixlate.options.optimisation import OptimisationOptions
from pixlate.util.text import counted

from .device import autocast_dtype

#: Environment variables that configure or replace the C library's allocator; if one is set, nothing is changed.
ALLOCATOR_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)


@dataclass(frozen=True)
class Execution:
    """How a model's networks are executed.

    - dtype: autocast's dtype; None computes in the weights' own precision.
    - compiled: whether networks are compiled by torch.compile.
    - channels_last: whether images and weights are in N×H×W×C memory layout.
    - checkpointed: whether activations are recomputed in the backward pass instead of stored.
    - train: False for a model built for inference.
    """

    device: torch.device
    dtype: torch.dtype | None = None
    compiled: bool = False
    channels_last: bool = False
    checkpointed: bool = False
    train: bool = True

    def __str__(self) -> str:
        """The device and the arithmetic: "the CPU in bfloat16, 2 threads"."""
        arithmetic = "float32" if self.dtype is None else str(self.dtype).removeprefix("torch.")
        compiled = ", compiled" if self.compiled else ""
        if self.device.type == "cpu":
            return f"the CPU in {arithmetic}{compiled}, {counted(torch.get_num_threads(), 'thread')}"
        name = f"{torch.cuda.get_device_name(self.device)} ({self.device})" if self.device.type == "cuda" else "MPS"
        return f"{name} in {arithmetic}{compiled}"


def choose_execution(options: OptimisationOptions, device: torch.device, *, train: bool) -> Execution:
    """The execution that `--precision`, `--compile` and `--checkpoint_gradients` choose on a device."""
    dtype = autocast_dtype(options.precision, device)
    return Execution(
        device,
        dtype,
        # "auto" is off: compiling takes a minute and saves 5 to 12 % of a step, which short runs do not make up for.
        compiled=options.compile == "on" and train,
        # Tensor cores compute on N×H×W×C in 16 bits. On CPUs, reordering the weights costs as much as it gains.
        channels_last=dtype is not None and device.type == "cuda",
        checkpointed=options.checkpoint_gradients and train,
        train=train,
    )


def keep_freed_memory() -> bool:
    """Make glibc's allocator keep the memory that a training step frees; returns whether that succeeded.

    By default glibc returns large blocks to the system at once, and the next step gets the same gigabytes back page by
    page, filled with zeros: 50,000 to 120,000 page faults, a tenth of a pix2pix step. The setting affects the whole
    process, so it is meant for commands that train or test, not for library calls. Other C libraries, and an allocator
    that the environment configures, are not changed.
    """
    if sys.platform != "linux" or any(name in os.environ for name in ALLOCATOR_SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_MMAP_THRESHOLD, 1 << 30) and mallopt(_TRIM_THRESHOLD, 2**31 - 1))
