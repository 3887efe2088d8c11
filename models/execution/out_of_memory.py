"""How PyTorch says that there is not enough memory."""

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a failed memory allocation, on a GPU or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    message = str(error)  # on the CPU PyTorch raises a plain RuntimeError
    return isinstance(error, RuntimeError) and (
        "DefaultCPUAllocator" in message or "not enough memory" in message or "Cannot allocate memory" in message
    )
