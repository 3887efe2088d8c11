"""Choosing the device that a run computes on, and the precision that it computes in."""

import logging
from collections.abc import Callable

import torch

from pixlate.errors import OptionError

log = logging.getLogger(__name__)


def choose_device(device: str = "auto", gpu_ids: str = "") -> torch.device:
    """The device of `--device` (auto, cpu, cuda, cuda:N, mps), or the first of the older `--gpu_ids` ("-1": cpu).

    "auto" prefers CUDA, then MPS. Raises OptionError for an invalid name, and for a device that this machine lacks.
    """
    if gpu_ids:
        gpu_device = _device_of_gpu_ids(gpu_ids)
        device = gpu_device if device == "auto" else device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda", "mps"):
        raise OptionError(f"--device '{device}' is not one of auto, cpu, cuda, cuda:N and mps.")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise OptionError(
            f"--device '{device}' is not on this machine, which has {torch.cuda.device_count()} CUDA GPUs."
        )
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise OptionError("--device 'mps' is not on this machine.")
    return chosen


def _device_of_gpu_ids(gpu_ids: str) -> str:
    first, *others = (number.strip() for number in gpu_ids.split(","))
    try:
        number = int(first)
    except ValueError:
        raise OptionError(
            f"--gpu_ids '{gpu_ids}' is not a list of GPU numbers: use '0' for the first GPU, '-1' for the CPU."
        ) from None
    if number < 0:
        return "cpu"
    if not torch.cuda.is_available():  # no error, because scripts for the reference name its default, '0'
        log.warning(f"--gpu_ids {gpu_ids} has no effect: PyTorch finds no CUDA GPU on this machine.")
        return "auto"
    if others:
        log.warning(f"--gpu_ids {gpu_ids}: a run uses one GPU, the first.")
    return f"cuda:{number}"


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively, so that it is faster than float32.

    Ampere and newer GPUs do, and CPUs with AMX or AVX-512 bf16. On other hardware it is emulated, and slower.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return _cpu_supports("_is_amx_tile_supported") or _cpu_supports("_is_avx512_bf16_supported")
    return False


def _cpu_supports(function: str) -> bool:
    # These functions are private in torch: other versions and builds may lack them.
    supported: Callable[[], bool] | None = getattr(torch.cpu, function, None)
    return bool(supported and supported())


def autocast_dtype(precision: str, device: torch.device) -> torch.dtype | None:
    """The dtype of autocast for `--precision` on this device; None for float32 throughout."""
    if precision == "auto":
        precision = "bf16" if has_bf16(device) else "fp32"
    return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
