"""Which device a run computes on, and in which arithmetic."""

from collections.abc import Callable

import torch

from pixlate.errors import OptionError


def choose_device(device: str = "auto", gpu_ids: str = "") -> torch.device:
    """The device of `--device` (auto, cpu, cuda, cuda:N, mps), or the first of the older `--gpu_ids` ("-1": cpu).

    Raises OptionError for a name that is none, and for a device that this machine lacks.
    """
    if gpu_ids:
        first = gpu_ids.split(",")[0].strip()
        if not first.lstrip("-").isdigit():
            raise OptionError(
                f"--gpu_ids '{gpu_ids}' is no list of GPU numbers: give '0' for the first, '-1' for none."
            )
        older = "cpu" if int(first) < 0 else f"cuda:{first}" if torch.cuda.is_available() else "auto"
        device = older if device == "auto" else device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = torch.device("meta")
    if chosen.type not in ("cpu", "cuda", "mps"):
        raise OptionError(f"--device '{device}' is none of auto, cpu, cuda, cuda:N and mps.")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise OptionError(
            f"--device '{device}' is not on this machine, which has {torch.cuda.device_count()} CUDA GPUs."
        )
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise OptionError("--device 'mps' is not on this machine.")
    return chosen


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself, so that it is faster than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return _cpu_says("_is_amx_tile_supported") or _cpu_says("_is_avx512_bf16_supported")
    return False


def _cpu_says(name: str) -> bool:
    ask: Callable[[], bool] | None = getattr(torch.cpu, name, None)
    return bool(ask and ask())


def autocast_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """The lower precision that `--precision` means on this device; None is plain float32.

    Raises OptionError for fp16 where the device cannot run it.
    """
    if precision == "auto":
        precision = "bf16" if has_bf16(device) else "fp32"
    return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
