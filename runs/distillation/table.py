"""The table of a student beside its teacher: for a terminal, as Markdown and as JSON."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pixlate.metrics.base import Measured
from pixlate.metrics.gauge import Translated
from pixlate.models.cost import Cost
from pixlate.util.text import counted

HEADINGS = ("", "teacher", "student", "teacher / student")
Row = tuple[str, str, str, str]


@dataclass(frozen=True)
class Comparison:
    """What was measured; of each pair the teacher's is the first.

    - facts: what was compared, and where.
    - generators: in words; costs: of one image; bytes: of the files of their networks.
    - milliseconds: the median latency.
    - metrics: the quality on held-out images; translated: how much was changed, of what had to be.
    - agreement: of the student's outputs with the teacher's.
    - problem: why a metric is missing, or replaced.
    """

    facts: Mapping[str, Any]
    generators: tuple[str, str]
    costs: tuple[Cost, Cost]
    bytes: tuple[int, int]
    milliseconds: tuple[float, float]
    metrics: tuple[Mapping[str, Measured], Mapping[str, Measured]]
    translated: tuple[Translated | None, Translated | None]
    agreement: Mapping[str, Measured]
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    problem: str = ""

    def rows(self) -> Iterator[Row]:
        """The rows of the table, in the order of `HEADINGS`."""
        teacher, student = self.costs
        yield "generator", *self.generators, ""
        yield _row("parameters", (teacher.parameters, student.parameters), _count)
        size = f"{self.facts['width']} x {self.facts['height']}"
        yield _row(f"MACs at {size}", (teacher.macs, student.macs), _count)
        yield _row("file", self.bytes, lambda size: f"{size / 1e6:.2f} MB")
        yield _row("latency", self.milliseconds, lambda time: f"{time:.1f} ms")
        for name in [name for name in self.metrics[0] if name in self.metrics[1]]:
            measured, other = (metrics[name] for metrics in self.metrics)
            better = "higher" if self.higher_is_better.get(name) else "lower"
            ratio = _ratio(measured.value, other.value)
            yield f"{name} ({better} is better)", _value(measured), _value(other), ratio
        changes = self.translated
        if changes[0] and changes[1] and not changes[0].paired:
            remaining = changes[0].remaining, changes[1].remaining
            yield _row("distance to the colours of the target", remaining, lambda distance: f"{distance:.3g}")
        for name, measured in self.agreement.items():
            yield _agreement(name, measured)

    def conditions(self) -> list[str]:
        """What the table does not say by itself, one sentence a line."""
        facts = self.facts
        where = f"{facts['device']}, {counted(facts['threads'], 'thread')}" if facts["threads"] else facts["device"]
        lines = [
            f"Latency: the median of one image after another on {where}; both took turns.",
            f"Quality: {counted(facts['images'], 'image')} of {facts['phase']} ({facts['data']}).",
        ]
        lines += ["The teacher's dropout is off, in the pairs too."] if facts.get("teacher_dropout") else []
        floors = [f"{name} {each.floor:.4g}" for name, each in self.metrics[0].items() if each.floor is not None]
        lines += [f"Noise floor, real images in place of the results: {', '.join(floors)}."] if floors else []
        return lines + ([f"Not measured: {self.problem}"] if self.problem else [])

    def to_markdown(self) -> str:
        """The table with its conditions."""
        rows = [HEADINGS, ("---", "---:", "---:", "---:"), *self.rows()]
        lines = ["|".join(["", *(f" {cell.replace('|', '/')} " if cell else " " for cell in row), ""]) for row in rows]
        return "\n".join([*lines, "", *(f"{line}  " for line in self.conditions())]).rstrip() + "\n"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        sides: dict[str, Any] = {}
        for i, name in enumerate(("teacher", "student")):
            cost = self.costs[i]
            sides[name] = {
                "generator": self.generators[i],
                "networks": list(cost.networks),
                "parameters": cost.parameters,
                "macs": cost.macs,
                "bytes": self.bytes[i],
                "milliseconds": self.milliseconds[i],
                "translated": None if (change := self.translated[i]) is None else change.to_json(),
                "metrics": {metric: measured.to_json() for metric, measured in self.metrics[i].items()},
            }
        agreement = {name: measured.to_json() for name, measured in self.agreement.items()}
        return {**self.facts, **sides, "agreement": agreement, "problem": self.problem}


def _row(name: str, values: tuple[float, float], show: Callable[[float], str]) -> Row:
    return name, show(values[0]), show(values[1]), _ratio(*values)


def _ratio(teacher: float, student: float) -> str:
    return f"{teacher / student:.3g}" if student else ""


def _agreement(name: str, measured: Measured) -> Row:
    if name == "l1":  # of values from 0 to 1
        return "difference of their outputs", "", f"{255 * measured.value:.2f} of 255 levels", ""
    return f"{name} of their outputs", "", _value(measured), ""


def _value(measured: Measured) -> str:
    known = measured.low is not None and measured.high is not None
    return f"{measured.value:.4g}" + (f" [{measured.low:.3g}, {measured.high:.3g}]" if known else "")


def _count(number: float) -> str:
    """A number with a unit: 2.86 M, 49.7 G."""
    for unit, factor in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= factor:
            return f"{number / factor:.3g} {unit}"
    return f"{number:g}"
