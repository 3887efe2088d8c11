"""The loss log: writes loss_log.txt, losses.jsonl, metrics.jsonl and timing.jsonl, and reads them."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pixlate.errors import DataError
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import Progress, Run, RunLog, Timing
from pixlate.util.foreign import foreign

LOSSES, METRICS, TIMING = "losses.jsonl", "metrics.jsonl", "timing.jsonl"
Pick = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # the values of a record, by name


class LossLog:
    """Writes the logged losses: loss_log.txt for people, losses.jsonl for programs. Writes metrics to metrics.jsonl.

    losses.jsonl contains no times: runs with the same options and seed write the same file, even if they were
    interrupted and resumed. Times are in timing.jsonl, and with them the learning rates.
    """

    def __init__(self) -> None:
        self._text: RunLog | None = None
        self._losses: RunLog | None = None
        self._timing: RunLog | None = None

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Open the logs, and write a heading with the time."""
        self._text = run.open_log("loss_log.txt")
        self._losses = run.open_log(LOSSES)
        self._timing = run.open_log(TIMING)
        if (run.folder / METRICS).exists():  # otherwise it is opened with the first metrics
            run.open_log(METRICS)
        self._text.write(f"================ Training Loss ({time.ctime()}) ================")

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Write one line to each log."""
        if self._text is None or self._losses is None or self._timing is None:
            return
        timing, position = run.timing(), asdict(progress)
        values = {name: strict_number(float(value)) for name, value in losses.items()}
        seconds = {"compute": timing.compute, "data": timing.data, "rate": timing.rate, "left": timing.left}
        clock = {name: strict_number(value) for name, value in seconds.items()}
        self._text.write(loss_line(progress, timing, losses))
        self._losses.write(json.dumps({**position, "losses": values}, allow_nan=False))
        record = {**position, "clock": time.time(), **clock, "lr": learning_rates(run)}
        self._timing.write(json.dumps(record, allow_nan=False))

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Write one line of metrics."""
        values = {name: strict_number(float(value)) for name, value in metrics.items()}
        run.open_log(METRICS).write(json.dumps({**asdict(progress), "metrics": values}, allow_nan=False))


def loss_line(progress: Progress, timing: Timing, losses: Mapping[str, float]) -> str:
    """A line of loss_log.txt, in the format of the reference's log of 2018 to 2024, which existing scripts parse."""
    seconds = f"time: {timing.compute:.3f}, data: {timing.data:.3f}"
    values = "".join(f"{name}: {value:.3f} " for name, value in losses.items())
    return f"(epoch: {progress.epoch}, iters: {progress.epoch_images}, {seconds}) {values}"


def learning_rates(run: Run) -> dict[str, float]:
    """The learning rate of each optimizer's first group, by the optimizer's name."""
    optimizers = run.model.optimizers.items()
    return {name: float(optimizer.param_groups[0]["lr"]) for name, optimizer in optimizers}


def read_losses(folder: Path, until: int) -> Iterator[dict[str, Any]]:
    """The records of a run's losses.jsonl up to `until` images; see `read_values`."""
    for position, values in read_values(folder / LOSSES, values_of("losses"), until):
        yield {**position, "losses": values}


def read_values(file: Path, pick: Pick, until: int) -> Iterator[tuple[dict[str, int], dict[str, float]]]:
    """Of each record of a log up to `until` images the position and the values; damaged lines are skipped.

    Later lines were written by an interrupted session after its last checkpoint: the resumed run, which starts from
    the checkpoint, writes them again.
    """
    if not file.is_file():
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            parsed = _parsed(line, pick)
            if parsed is not None and parsed[0]["images"] <= until:
                yield parsed


def values_of(key: str) -> Pick:
    """Picks the values under a key of a record: "losses" or "metrics"."""
    return lambda record: record[key]


def rates(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The learning rates of a record of timing.jsonl, by optimizer; none in those that earlier versions wrote."""
    return record.get("lr", {})  # type: ignore[no-any-return]


def speed(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The images per second of a record of timing.jsonl, since the one before it."""
    return images_per_second(Timing(float(record["compute"]), float(record["data"])))


def images_per_second(timing: Timing) -> dict[str, float]:
    """The speed since the losses were last logged; empty before it is known."""
    seconds = timing.compute + timing.data
    return {"images per second": 1 / seconds} if seconds > 0 else {}


def strict_number(value: float) -> float | str:
    """A value for strict JSON: a finite number, or the string "NaN", "Infinity" or "-Infinity", which `float` reads."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _parsed(line: str, pick: Pick) -> tuple[dict[str, int], dict[str, float]] | None:
    """The position and the values of one line; None for an incomplete or damaged line."""
    if not line.endswith("\n"):
        return None
    with suppress(DataError), foreign(DataError):
        record = json.loads(line)
        position = {name: int(record[name]) for name in ("epoch", "epoch_images", "images")}
        if max(map(abs, position.values())) >= 2**63:
            return None
        return position, {name: float(value) for name, value in pick(record).items()}
    return None
