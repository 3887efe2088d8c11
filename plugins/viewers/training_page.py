"""The page of a training run: loss curves, and the images of each epoch, newest first."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dominate import tags
from dominate.dom_tag import dom_tag

from pixlate.errors import DataError
from pixlate.util.charts import chart
from pixlate.util.foreign import foreign
from pixlate.util.html import PageImage, content_width, image_row, page, rendered, save_page, visible
from pixlate.util.text import shown

from .history import History

REFRESH = 30  # seconds after which browsers reload the page while the run is in progress


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
        """The record of a line; None for a damaged line."""
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


class TrainingPage:
    """Builds the page.

    The section of an epoch is rendered only when it changes, and kept as text: the page is written at every display,
    which must not become slower with the number of epochs.
    """

    def __init__(self, name: str, history: History, width: int) -> None:
        self._name = name
        self._history = history
        self._width = width
        self._page_width = content_width([], width)
        self._sections: dict[int, dom_tag] = {}

    def show(self, epoch: EpochRecord) -> None:
        """Add the section of an epoch, or replace it."""
        counts = [len(row.images) for row in epoch.trained + epoch.unseen]
        self._page_width = max(self._page_width, content_width(counts, self._width))
        self._sections[epoch.number] = rendered(epoch_section(epoch, self._width))

    def save(self, path: Path, facts: Mapping[str, str], *, running: bool) -> None:
        """Write the page. Browsers reload it while `running`."""
        sections = [self._sections[number] for number in sorted(self._sections, reverse=True)]
        note = "No images yet." if running else "No images."
        body = sections or [tags.p(note, cls="note")]
        title = f"Experiment name = {self._name}"
        refresh = REFRESH if running else 0
        document = page(title, self._name, facts, *self._charts(), *body, width=self._page_width, refresh=refresh)
        save_page(document, path)

    def _charts(self) -> list[dom_tag]:
        cards = [chart(name, curve.points(), curve.last, "epoch") for name, curve in self._history.curves.items()]
        return [tags.div(cards, cls="charts")] if cards else []


def epoch_section(epoch: EpochRecord, width: int) -> dom_tag:
    """One epoch: a heading, its metrics, and its rows of images."""
    section = tags.section(tags.h2(f"epoch [{epoch.number}]"), id=f"epoch{epoch.number}")
    if epoch.metrics:
        values = [tags.li(tags.span(visible(name)), f"{value:.4g}") for name, value in epoch.metrics.items()]
        section.add(tags.ul(values, cls="facts"))
    for row in epoch.trained + epoch.unseen:
        section.add(tags.h3(tags.b(row.group), " · " + visible(row.name) if row.name else ""))
        section.add(image_row(row.images, width))
    return section


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{shown(value)} is no count")
    return value


def _image_rows(rows: list[dict[str, Any]]) -> list[ImageRow]:
    return [
        ImageRow(str(row["group"]), str(row["name"]), [_page_image(image) for image in row["images"]]) for row in rows
    ]


def _page_image(values: dict[str, Any]) -> PageImage:
    return PageImage(
        str(values["label"]), str(values["file"]), width=_count(values["width"]), height=_count(values["height"])
    )
