"""What an examination of a data set found: facts of each phase, and findings with what to do about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One finding.

    - kind: its name for programs: "duplicates".
    - severity: "error" ends a training, a "warning" harms its result, a "note" is to be known.
    - phase: where it was found; two phases are joined by "+".
    - text: a sentence; advice: another one, what to do.
    - images: the files concerned, a few; those that belong together in one tuple.
    """

    kind: str
    severity: Severity
    phase: str
    text: str
    advice: str = ""
    images: tuple[tuple[Path, ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        images = [[str(path) for path in group] for group in self.images]
        return {**self.__dict__, "images": images}


@dataclass(frozen=True)
class SideFacts:
    """The images of one side.

    - sizes: width and height, with the number of images that have them, the most frequent first.
    - kinds: how values are stored, "RGB, 8 bits", with the number of images.
    - levels: mean and standard deviation of the brightness, from 0 to 1.
    - value_range: of values of more than 8 bits, those that become black and white; None for others.
    """

    images: int
    sizes: Mapping[tuple[int, int], int]
    kinds: Mapping[str, int]
    levels: tuple[float, float]
    value_range: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        sizes = [{"width": width, "height": height, "images": n} for (width, height), n in self.sizes.items()]
        mean, deviation = self.levels
        return {
            "images": self.images,
            "sizes": sizes,
            "kinds": dict(self.kinds),
            "mean": mean,
            "standard_deviation": deviation,
            "value_range": self.value_range,
        }


@dataclass(frozen=True)
class PhaseFacts:
    """One phase: what the data set says of itself, its number of samples and its sides.

    - examined: the number of files that were decoded, where it is not all of them.
    """

    phase: str
    inventory: str
    samples: int
    files: int
    examined: int
    sides: Mapping[str, SideFacts]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**self.__dict__, "sides": {side: facts.to_json() for side, facts in self.sides.items()}}


@dataclass
class Report:
    """The result of an examination."""

    dataroot: str
    dataset_mode: str
    phases: list[PhaseFacts] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings; the worst stay first."""
        self.findings = sorted([*self.findings, *findings], key=lambda finding: SEVERITIES.index(finding.severity))

    @property
    def has_errors(self) -> bool:
        """Whether a training would not start or would end."""
        return any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "dataroot": self.dataroot,
            "dataset_mode": self.dataset_mode,
            "phases": [phase.to_json() for phase in self.phases],
            "findings": [finding.to_json() for finding in self.findings],
        }
