"""Measures several programs ("sides") alternately, and prints tables of medians and ratios."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

#: The side that others are compared with.
REFERENCE = "reference"


@dataclass(frozen=True)
class Round:
    """One round of one side: wall-clock seconds, seconds of processor time, peak memory so far in GB."""

    wall: float
    cpu: float = 0.0
    peak: float = 0.0


@dataclass(frozen=True)
class Times:
    """All rounds of one side, in order."""

    rounds: tuple[Round, ...]

    @property
    def median(self) -> float:
        """The median of the wall-clock seconds."""
        return statistics.median(each.wall for each in self.rounds)

    @property
    def spread(self) -> float:
        """Half the interquartile range (of three rounds or fewer: half the range), relative to the median.

        NaN for a single round.
        """
        if len(self.rounds) == 1:
            return float("nan")
        walls = [each.wall for each in self.rounds]
        low, high = min(walls), max(walls)
        if len(walls) > 3:
            low, _, high = statistics.quantiles(walls, n=4, method="inclusive")
        return (high - low) / 2 / self.median

    @property
    def peak(self) -> float:
        """The highest peak memory, in GB."""
        return max(each.peak for each in self.rounds)

    def ratio(self, base: "Times", of: str = "wall") -> float:
        """The median over the rounds of the base's time divided by this side's."""
        return statistics.median(
            getattr(b, of) / max(1e-9, getattr(a, of)) for a, b in zip(self.rounds, base.rounds, strict=True)
        )


def in_turn(sides: Mapping[str, Callable[[], Round]], rounds: int, warmup: int) -> dict[str, Times]:
    """Measure every side once in each round, so that a change of the machine's speed affects all of them."""
    for _ in range(warmup):
        for run in sides.values():
            run()
    measured: dict[str, list[Round]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            measured[name].append(run())
    return {name: Times(tuple(side_rounds)) for name, side_rounds in measured.items()}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with the first two columns aligned left and the others aligned right."""
    rule = ["---", "---", *["---:"] * (len(head) - 2)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *rows])


#: The head of `compared`'s rows.
COMPARED = ("", "side", "median", "spread", "speed ratio", "ratio of processor time", "peak memory")


def compared(what: str, sides: Mapping[str, Times], base_name: str = REFERENCE) -> list[list[str]]:
    """One row for each side; ratios are the base's time divided by the side's."""
    base = sides.get(base_name)
    rows = []
    for name, times in sides.items():
        other = base if base is not None and name != base_name else None
        rows.append(
            [
                what,
                name,
                shown_time(times.median),
                "" if math.isnan(times.spread) else f"±{times.spread:.0%}",
                f"{times.ratio(other):.2f}×" if other else "",
                f"{times.ratio(other, of='cpu'):.2f}×" if other and other.rounds[0].cpu else "",
                f"{times.peak:.2f} GB" + (f" ({times.peak / other.peak:.2f}×)" if other else "") if times.peak else "",
            ]
        )
    return rows


def shown_time(seconds: float) -> str:
    """Seconds with about three digits."""
    return f"{1000 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
