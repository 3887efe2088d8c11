"""The page of a training run: curves of its losses and, newest first, the images that each epoch showed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dominate import tags
from dominate.dom_tag import dom_tag

from pixlate.util.charts import chart
from pixlate.util.html import Shown, content_width, image_row, page, rendered, save_page, visible

from .history import History

REFRESH = 30  # seconds between two looks of a browser at the page of a running training


@dataclass(frozen=True)
class Row:
    """Images side by side. `group` says what kind they are ("not trained on"), `name` which input."""

    group: str
    name: str
    images: list[Shown]


@dataclass
class Epoch:
    """What the page shows of one epoch."""

    number: int
    images: int = 0
    trained: list[Row] = field(default_factory=list)
    unseen: list[Row] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Epoch | None":
        """The epoch of such a line; None where it is damaged."""
        try:
            said: dict[str, Any] = json.loads(line)
            return cls(**{**said, "trained": _rows(said["trained"]), "unseen": _rows(said["unseen"])})
        except (ValueError, TypeError, KeyError):
            return None


class TrainingPage:
    """Builds the page. The sections of epochs that have ended are rendered only once."""

    def __init__(self, name: str, history: History, width: int) -> None:
        self._name = name
        self._history = history
        self._width = width
        self._page_width = content_width([], width)
        self._sections: dict[int, dom_tag] = {}

    def show(self, epoch: Epoch) -> None:
        """Put an epoch on the page, in place of what it showed before."""
        rows = [len(row.images) for row in epoch.trained + epoch.unseen]
        self._page_width = max(self._page_width, content_width(rows, self._width))
        self._sections[epoch.number] = rendered(epoch_section(epoch, self._width))

    def save(self, path: Path, facts: Mapping[str, str], *, running: bool) -> None:
        """Write the page. Browsers look again while the training runs, and no more when it is over."""
        sections = [self._sections[number] for number in sorted(self._sections, reverse=True)]
        note = "The first images are on their way." if running else "There are no images."
        body = sections or [tags.p(note, cls="note")]
        title = f"Experiment name = {self._name}"
        refresh = REFRESH if running else 0
        made = page(title, self._name, facts, *self._charts(), *body, width=self._page_width, refresh=refresh)
        save_page(made, path)

    def _charts(self) -> list[dom_tag]:
        cards = [chart(name, curve.points(), curve.last, "epoch") for name, curve in self._history.curves.items()]
        return [tags.div(cards, cls="charts")] if cards else []


def epoch_section(epoch: Epoch, width: int) -> dom_tag:
    """One epoch: a heading, what was measured, and its rows of images."""
    section = tags.section(tags.h2(f"epoch [{epoch.number}]"), id=f"epoch{epoch.number}")
    if epoch.metrics:
        values = [tags.li(tags.span(visible(name)), f"{value:.4g}") for name, value in epoch.metrics.items()]
        section.add(tags.ul(values, cls="facts"))
    for row in epoch.trained + epoch.unseen:
        section.add(tags.h3(tags.b(row.group), " · " + visible(row.name) if row.name else ""))
        section.add(image_row(row.images, width))
    return section


def _rows(said: list[dict[str, Any]]) -> list[Row]:
    return [Row(row["group"], row["name"], [Shown(**shown) for shown in row["images"]]) for row in said]
