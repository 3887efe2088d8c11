"""What the page of a training shows of each epoch, and the warnings about its health: the lines of web/shown.jsonl."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pixlate.errors import DataError
from pixlate.plugins.run import HealthWarning
from pixlate.util.foreign import foreign
from pixlate.util.html import PageImage
from pixlate.util.text import shown

IMAGES = "images"  # the folder beside the page


@dataclass(frozen=True)
class ImageRow:
    """Images side by side.

    - group: their kind, "training images" or "held-out images (val)"; name: of their input.
    """

    group: str
    name: str
    images: list[PageImage]


@dataclass
class EpochRecord:
    """The content of the page for one epoch.

    - number: of the epoch, from 1; images: seen in the run at the last update.
    - trained: the row of the step's images; unseen: a row for each held-out sample.
    - metrics: measured on held-out samples, by name.
    """

    number: int
    images: int = 0
    trained: list[ImageRow] = field(default_factory=list)
    unseen: list[ImageRow] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON, which `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "EpochRecord | None":
        """The record of a line; None for a damaged line, and for one of another kind."""
        with suppress(DataError), foreign(DataError):
            values: dict[str, Any] = json.loads(line)
            return cls(
                number=_count(values["number"]),
                images=_count(values["images"]),
                trained=_image_rows(values["trained"]),
                unseen=_image_rows(values["unseen"]),
                metrics={str(name): float(value) for name, value in values["metrics"].items()},
            )
        return None


@dataclass(frozen=True)
class HealthRecord:
    """The result of a check of the training's health: its warnings, which may be none.

    - epoch: in which it was made; images: seen in the run until then.
    """

    epoch: int
    images: int
    warnings: Sequence[HealthWarning]

    def to_json(self) -> str:
        """One line of JSON, which `from_json` reads."""
        return json.dumps(
            {"health": [asdict(each) for each in self.warnings], "epoch": self.epoch, "images": self.images}
        )

    @classmethod
    def from_json(cls, line: str) -> "HealthRecord | None":
        """The record of a line; None for a damaged line, and for one of another kind."""
        with suppress(DataError), foreign(DataError):
            values: dict[str, Any] = json.loads(line)
            warnings = [
                HealthWarning(str(each["kind"]), str(each["text"]), str(each["advice"])) for each in values["health"]
            ]
            return cls(_count(values["epoch"]), _count(values["images"]), warnings)
        return None


def earlier_records(file: Path, until: int) -> tuple[list[EpochRecord], HealthRecord | None]:
    """What earlier sessions recorded up to `until` images: of each epoch the last record, in order, and the last check.

    Raises OSError where the file cannot be read.
    """
    records: dict[int, EpochRecord] = {}
    health = None
    for line in _lines(file):
        record = EpochRecord.from_json(line)
        if record is not None and record.images <= until:
            records[record.number] = record
        checked = HealthRecord.from_json(line) if record is None else None
        if checked is not None and checked.images <= until:
            health = checked
    return [records[number] for number in sorted(records)], health


def best_validated(file: Path, until: int) -> int | None:
    """The epoch of the best validation up to `until` images, from validation.jsonl; None where there is none."""
    best = None
    for line in _lines(file):
        with suppress(DataError), foreign(DataError):
            record: dict[str, Any] = json.loads(line)
            if record.get("best") is True and _count(record["images"]) <= until:
                best = _count(record["epoch"])
    return best


def _lines(file: Path) -> Iterator[str]:
    if file.is_file():
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield from lines


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{shown(value)} is no count")
    return value


def _image_rows(rows: list[dict[str, Any]]) -> list[ImageRow]:
    return [
        ImageRow(str(row["group"]), str(row["name"]), [_page_image(image) for image in row["images"]]) for row in rows
    ]


def _page_image(values: dict[str, Any]) -> PageImage:
    label, file = str(values["label"]), PurePosixPath(str(values["file"]))
    if file.parts[:1] != (IMAGES,) or ".." in file.parts:
        raise ValueError(f"{shown(file)} is no image of the page")
    os.fsencode(str(file))  # raises an error for what is no name of a file
    return PageImage(label, str(file), width=_count(values["width"]), height=_count(values["height"]))
