"""The machine: its description, and its peak rate of multiplication."""

import os
import platform
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from .sides import DEVICE, batch_of, build_model

FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_tile")


def description() -> list[str]:
    """Lines about processor, GPU and versions; no names of hosts or folders."""
    processor = _processor()
    features = [name for name in FEATURES if name in processor.get("flags", "").split()]
    lines = [
        f"processor: {processor.get('model name', platform.machine())}, {os.cpu_count()} cores, {', '.join(features)}",
        f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads",
    ]
    if DEVICE == "cuda":
        lines.append(f"GPU: {torch.cuda.get_device_name()}, CUDA {torch.version.cuda}")
    return lines


def _processor() -> dict[str, str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            pairs = [line.split(":", 1) for line in file if ":" in line]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, value in pairs}


def peak(dtype: torch.dtype, rounds: int = 5) -> float:
    """The best rate of several large matrix products, in GFLOP/s; with a single thread, by its processor time."""
    size = 4096 if DEVICE == "cpu" else 16384
    a = torch.randn(size, size, dtype=dtype, device=DEVICE)
    clock = time.process_time if DEVICE == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    best = float("inf")
    for _ in range(rounds + 1):
        start_time = clock()
        torch.mm(a, a)
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        best = min(best, clock() - start_time)
    return 2 * size**3 / best / 1e9


def step_flops(model: str, batch: int) -> float:
    """The floating-point operations of a training step's convolutions, in GFLOP."""
    measured_model = build_model({"model": model})
    with FlopCounterMode(display=False) as counter:
        measured_model.training_step(batch_of(batch))
    return float(counter.get_total_flops()) / 1e9
