"""Loss curves over a whole run, all sessions together, at a cost that does not grow with its length."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

LOSSES = "losses.jsonl"


class Curve:
    """One value over time, kept as at most `limit` means of equally many neighbours each."""

    def __init__(self, limit: int = 400) -> None:
        self.last = math.nan
        self._limit = limit
        self._stride = 1
        self._points: list[tuple[float, float]] = []
        self._open: list[tuple[float, float]] = []

    def add(self, x: float, y: float) -> None:
        """Add the next value; NaN and infinity make a gap."""
        self.last = y
        self._open.append((x, y))
        if len(self._open) == self._stride:
            self._points.append(_mean(self._open))
            self._open.clear()
        if len(self._points) == self._limit:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            self._points = [_mean(pair) for pair in pairs]
            self._stride *= 2

    def points(self) -> list[tuple[float, float]]:
        """The curve, oldest first."""
        return [*self._points, *([_mean(self._open)] if self._open else [])]


class History:
    """The curves of all losses by name; x is the number of epochs done."""

    def __init__(self, epoch_size: int) -> None:
        self.curves: dict[str, Curve] = {}
        self._epoch_size = max(1, epoch_size)

    def add(self, epoch: int, epoch_images: int, losses: Mapping[str, float]) -> None:
        """Add the losses logged in an epoch after so many of its images."""
        done = epoch - 1 + epoch_images / self._epoch_size
        for name, value in losses.items():
            self.curves.setdefault(name, Curve()).add(done, value)

    def read(self, folder: Path, until: int) -> "History":
        """Add what earlier sessions wrote to the run's losses.jsonl, up to a number of images."""
        for record in read_losses(folder, until):
            self.add(record["epoch"], record["epoch_images"], record["losses"])
        return self


def read_losses(folder: Path, until: int) -> Iterator[dict[str, Any]]:
    """The records of a run's losses.jsonl up to a number of images; what is no record is left out."""
    file = folder / LOSSES
    if not file.is_file():
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            record = _record(line)
            if record is not None and record["images"] <= until:
                yield record


def _record(line: str) -> dict[str, Any] | None:
    """What a whole line says; None for an unfinished or damaged one."""
    if not line.endswith("\n"):
        return None
    try:
        record = json.loads(line)
        numbers = {name: int(record[name]) for name in ("epoch", "epoch_images", "images")}
        return {**record, **numbers, "losses": {name: float(value) for name, value in record["losses"].items()}}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def strict_number(value: float) -> float | str:
    """A number as strict JSON can hold it; else "NaN", "Infinity" or "-Infinity", which `float` reads."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _mean(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    finite = [y for _, y in points if math.isfinite(y)]
    return sum(x for x, _ in points) / len(points), sum(finite) / len(finite) if finite else math.nan
