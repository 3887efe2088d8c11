"""The benchmarks; each measures its sides alternately and returns lines of Markdown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pixlate.models.execution.device import autocast_dtype

from . import layers
from .commands import commands
from .machine import peak, step_flops
from .measure import COMPARED, REFERENCE, Times, compared, in_turn, table
from .sides import DEVICE
from .worker import SideEnded, Worker

#: Our sides by name, with the options of each.
Ours = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Settings:
    """The settings of the command: a checkout of the reference, images, the numbers of rounds and threads, …"""

    reference: Path | None
    data: Path
    rounds: int
    quick: bool
    threads: int
    cases: Sequence[tuple[str, int]]
    sides: Sequence[str]


#: Our training steps by their name for `--side`: the options of each.
TRAININGS: Ours = {
    "fp32": {"precision": "fp32"},
    "default": {"precision": "auto"},
    "compiled": {"precision": "auto", "compile": "on"},
}


def training(settings: Settings) -> list[str]:
    """Training steps, in plain fp32, by default, and compiled."""
    peaks = {"fp32": peak(torch.float32), "bf16": peak(torch.bfloat16)}
    lines = [f"Peak of a large matrix product: {peaks['fp32']:.0f} GFLOP/s in fp32, {peaks['bf16']:.0f} in bf16.", ""]
    for model, batch in settings.cases:
        ours = {name: TRAININGS[name] for name in settings.sides}
        what, spec = f"{model}, batch {batch}", {"model": model, "batch": batch}
        try:
            rounds = [_measured(settings, "training", spec, ours)]
        except SideEnded:  # there was not enough memory for all of them together
            rounds = [_measured(settings, "training", spec, {name: options}) for name, options in ours.items()]
        flops = step_flops(model, batch)
        at_peak = " and ".join(f"{flops / rate:.2f} s in {dtype}" for dtype, rate in peaks.items())
        rows = [row for times in rounds for row in compared(what, times)]
        lines += [table(COMPARED, rows), "", f"{flops:.0f} GFLOP; at the peak rate {at_peak}.", ""]
        medians = {name: times[name].median for times in rounds for name in ours if name in times}
        shares = (f"{name} {flops / time / peaks[_dtype(ours[name])]:.0%}" for name, time in medians.items())
        lines += [f"Share of the peak of their own arithmetic: {', '.join(shares)}.", ""]
    return lines


def convolutions(settings: Settings) -> list[str]:
    """Ten forward and backward passes of pixlate's convolutions, compared with torch's."""
    rows = []
    for name in layers.LAYERS:
        for precision in ("fp32", "bf16"):
            spec = {"layer": name, "precision": precision}
            rows += _rows(settings, f"{name}, {precision}", "layer", spec, {"pixlate": {}}, base=layers.TORCH)
    return [table(COMPARED, rows)]


def inference(settings: Settings) -> list[str]:
    """The generator alone, without gradients."""
    rows = []
    for model, batch in settings.cases:
        ours = {"fp32": {"precision": "fp32"}, "bf16": {"precision": "bf16"}}
        rows += _rows(settings, f"{model}, batch {batch}", "translation", {"model": model, "batch": batch}, ours)
    return [table(COMPARED, rows)]


def loading(settings: Settings) -> list[str]:
    """An epoch of paired images: the first, and those after it."""
    rows = []
    for processes in (2, 0):
        spec = {"data": str(settings.data), "processes": processes}
        for what, warmup in (("first epoch", 0), ("later epochs", 1)):
            rounds = 1 if not warmup else settings.rounds
            name = f"{what}, {processes} processes"
            rows += _rows(settings, name, "loading", spec, {"pixlate": {}}, warmup=warmup, rounds=rounds)
    return [table(COMPARED, rows)]


def saving(settings: Settings) -> list[str]:
    """The time that training waits for a save of everything; the reference saves only networks."""
    spec = {"model": "pix2pix", "precision": "fp32"}
    return [table(COMPARED, _rows(settings, "a save", "saving", spec, {"pixlate": {}, "until written": {}}))]


def whole_commands(settings: Settings) -> list[str]:
    """Complete commands."""
    rows = []
    for what, sides in commands(settings.reference, settings.data, quick=settings.quick).items():
        rounds = 1 if settings.quick else max(1, settings.rounds // 2)
        rows += compared(what, in_turn(sides, rounds, warmup=1 if "help" in what or "import" in what else 0))
    return [table(COMPARED, rows)]


#: The parts by their name for `--only`, with their titles.
PARTS: Mapping[str, tuple[str, Callable[[Settings], list[str]]]] = {
    "training": ("Training steps, 256×256", training),
    "layers": ("Convolutions, ten forward and backward passes", convolutions),
    "inference": ("Inference, 256×256", inference),
    "loading": ("Loading images", loading),
    "saving": ("Saving", saving),
    "commands": ("Whole commands", whole_commands),
}


def _rows(
    settings: Settings, what: str, work: str, spec: Mapping[str, Any], ours: Ours, base: str = REFERENCE, **pace: int
) -> list[list[str]]:
    return compared(what, _measured(settings, work, spec, ours, base, **pace), base)


def _dtype(options: Mapping[str, str]) -> str:
    return "fp32" if autocast_dtype(options["precision"], torch.device(DEVICE)) is None else "bf16"


def _measured(
    settings: Settings,
    work: str,
    spec: Mapping[str, Any],
    ours: Ours,
    base: str = REFERENCE,
    warmup: int = 2,
    rounds: int = 0,
) -> dict[str, Times]:
    shared = {**spec, "work": work, "threads": settings.threads}
    sides = {name: {**shared, "side": name, **options} for name, options in ours.items()}
    if base != REFERENCE:
        sides = {base: {**shared, "side": base}, **sides}
    elif settings.reference:
        sides = {REFERENCE: {**shared, "side": REFERENCE, "reference": str(settings.reference)}, **sides}
    workers = {name: Worker(side) for name, side in sides.items()}
    try:
        return in_turn(workers, rounds or settings.rounds, warmup)
    finally:
        for worker in workers.values():
            worker.close()
