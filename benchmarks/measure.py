"""Timing things in turn, and tables of medians and ratios."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

#: The name under which a side that others are compared with is measured.
REFERENCE = "reference"


@dataclass(frozen=True)
class Times:
    """What one side took: seconds (or another unit) of every round, in the order of the rounds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.rounds) < 3:
            return (max(self.rounds) - min(self.rounds)) / 2 / self.median
        low, _, high = statistics.quantiles(self.rounds, n=4, method="inclusive")
        return (high - low) / 2 / self.median

    def times_faster(self, than: "Times") -> float:
        """The median over the rounds of the other side's time divided by this one's, round by round."""
        return statistics.median(b / a for a, b in zip(self.rounds, than.rounds, strict=True))


def in_turn(sides: Mapping[str, Callable[[], object]], rounds: int, warmup: int = 1) -> dict[str, Times]:
    """Seconds of every side, all sides once in each round, so that a change of the machine's speed meets all."""
    for _ in range(warmup):
        for run in sides.values():
            run()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            gc.collect()
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return {name: Times(tuple(taken)) for name, taken in seconds.items()}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, its first column to the left and the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def compared(what: str, sides: Mapping[str, Times]) -> list[list[str]]:
    """Rows `what, side, median, spread, ratio to the reference`, one for each side."""
    base = sides.get(REFERENCE)
    return [
        [
            what,
            name,
            shown_time(times.median),
            f"±{times.spread:.0%}",
            "" if base is None or name == REFERENCE else f"{times.times_faster(base):.2f}×",
        ]
        for name, times in sides.items()
    ]


#: The head of `compared`'s rows.
COMPARED = ("", "side", "median", "spread", "times the reference's speed")


def shown_time(seconds: float) -> str:
    """Seconds with three digits."""
    return f"{1000 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
