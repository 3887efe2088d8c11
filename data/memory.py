"""Memory that several processes share, whether they were forked or spawned."""

import mmap
import os
import tempfile
import weakref
from pathlib import Path

import torch
from torch import Tensor


class SharedMemory:
    """Bytes that other processes map by `name`; `bytes` is a flat uint8 tensor over them.

    Freed when the last process that maps them ends; never a file that outlives a crash on Linux. Raises OSError when
    the system has not so much, instead of failing when the bytes are first touched.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        descriptor, self.name = _anonymous_file()
        try:
            reserve(descriptor, size)
            self.bytes = _mapped(descriptor, size)
        except BaseException:
            os.close(descriptor)
            raise
        weakref.finalize(self, _release, descriptor, self.name)  # the name is good as long as the descriptor is


def attach(name: str, size: int) -> Tensor:
    """The bytes of another process's SharedMemory, or of a file. Raises OSError when there are none."""
    descriptor = os.open(name, os.O_RDWR)
    try:
        return _mapped(descriptor, size)
    finally:
        os.close(descriptor)


def _anonymous_file() -> tuple[int, str]:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pixlate")
        return descriptor, f"/proc/{os.getpid()}/fd/{descriptor}"
    return tempfile.mkstemp(prefix="pixlate-")


def reserve(descriptor: int, size: int) -> None:
    """Give a file a size that is really there. Raises OSError when it is not."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def _mapped(descriptor: int, size: int) -> Tensor:
    return torch.frombuffer(mmap.mmap(descriptor, size), dtype=torch.uint8)


def _release(descriptor: int, name: str) -> None:
    os.close(descriptor)
    if not name.startswith("/proc/"):
        Path(name).unlink(missing_ok=True)
