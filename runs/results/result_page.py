"""The page of a test: facts, a legend, and one row of images per input, with tools to sort and compare them.

Everything can be read without JavaScript; with it, gallery.js and viewer.js add the tools. The page is written many
times during a test: a row is rendered once, when it is added.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import dominate
from dominate import tags
from dominate.dom_tag import dom_tag
from dominate.util import raw

from pixlate.metrics.base import Measured, described
from pixlate.util.html import PageImage, address, content_width, image_row, page, rendered, visible
from pixlate.util.web import script, web_file

from .image_labels import first_pair, meaning_of


class PageRow(NamedTuple):
    """One input on the page: its finished HTML, the labels of its images, and its metrics."""

    section: dom_tag
    labels: Sequence[str]
    metrics: Mapping[str, float]


class ResultPage:
    """What the page of a test says.

    - title: "Experiment = facades, Phase = test, Epoch = latest".
    - heading: at the top of the page; the title where empty.
    - facts: names and values under the heading, about how the images were computed.
    - links: of the page, by their texts: paths relative to the page.
    - width: of an image, in pixels.
    - higher_is_better: for each metric of single images, whether larger values are better.
    - paired: whether B of a sample shows the same as its A.
    - fields: the names of the fields of the data.
    """

    def __init__(
        self,
        title: str,
        *,
        heading: str = "",
        facts: Mapping[str, str] = MappingProxyType({}),
        links: Mapping[str, str] = MappingProxyType({}),
        width: int = 256,
        higher_is_better: Mapping[str, bool] = MappingProxyType({}),
        paired: bool = True,
        fields: Iterable[str] = (),
    ) -> None:
        self.title, self.heading, self.facts, self.links = title, heading or title, dict(facts), dict(links)
        self.width, self.higher_is_better = width, dict(higher_is_better)
        self.paired, self.fields = paired, frozenset(fields)
        self._order = ""  # how rows are sorted at first: "worst:ssim"

    def show_measured(self, results: Mapping[str, Measured]) -> None:
        """Show metrics of all results among the facts, with their intervals."""
        self.facts.update({name: described(measured) for name, measured in results.items()})

    def show_metrics(self, metrics: Mapping[str, float]) -> None:
        """Show metrics of the results among the facts."""
        self.facts.update({name: f"{value:.4g}" for name, value in metrics.items()})

    def row(self, position: int, title: str, images: Sequence[PageImage], metrics: Mapping[str, float]) -> PageRow:
        """The row of an input.

        - position: of the input in the test, from 0.
        - metrics: of this input, which are shown beside its title.
        """
        heading = tags.h2(visible(title), *(tags.small(f" {label} {value:.4g}") for label, value in metrics.items()))
        section = tags.section(heading, image_row(images, self.width), data_index=str(position))
        if metrics:
            # JSON has no NaN and no infinity: such an image has no value to be sorted by.
            numbers = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
            section["data-metrics"] = json.dumps(numbers)
        return PageRow(rendered(section), [image.label for image in images], metrics)

    def sort(self, rows: Sequence[PageRow], metric: str) -> list[int]:
        """The positions of rows, the worst by a metric first, those without a value last; the page says so."""
        self._order = f"worst:{metric}"
        sign = 1 if self.higher_is_better.get(metric) else -1

        def place(position: int) -> float:
            value = rows[position].metrics.get(metric, math.nan)
            return math.inf if math.isnan(value) else sign * value

        return sorted(range(len(rows)), key=place)

    def document(self, rows: Sequence[PageRow]) -> dominate.document:
        """The page with these rows."""
        labels = list(dict.fromkeys(label for row in rows for label in row.labels))
        metrics = list(dict.fromkeys(name for row in rows for name in row.metrics))
        first, second = first_pair(labels, paired=self.paired)
        results = tags.div(*(row.section for row in rows), id="results", data_order=self._order)
        results["data-metrics"] = json.dumps([[name, self.higher_is_better.get(name)] for name in metrics])
        results["data-first"], results["data-second"] = visible(first), visible(second)
        links = [tags.a(visible(text), href=address(path)) for text, path in self.links.items()]
        body = [tags.p(*links, cls="links")] if links else []
        if rows:
            tools = tags.script(raw(script("movable.js", "viewer.js", "gallery.js")))
            body += [self._legend(labels), raw(web_file("gallery.html")), results, tools]
        facts = {**self.facts, "inputs": f"{len(rows):,}"}
        width = content_width((len(row.labels) for row in rows), self.width)
        document = page(self.title, self.heading, facts, *body, width=width)
        document.head.add(tags.style(raw(web_file("gallery.css"))))
        return document

    def _legend(self, labels: Sequence[str]) -> dom_tag:
        """The labels and what they mean; the script makes of each a switch that shows or hides its images."""
        items = []
        for label in labels:
            meaning = meaning_of(label, paired=self.paired, fields=self.fields)
            items.append(tags.li(tags.label(tags.b(visible(label)), tags.span(visible(meaning)) if meaning else "")))
        return tags.ul(*items, id="legend", aria_label="What the images are")


def certain_link(folder: Path, file: Path) -> str:
    """The relative path from a folder's page to a file; empty where there is none that is certain.

    Browsers go up in the path that was opened, file systems in the one behind it: both end in the same place only
    where no part of the two is a symbolic link.
    """
    here, there = os.path.abspath(folder), os.path.abspath(file)
    if not os.path.isfile(there) or (os.path.realpath(here), os.path.realpath(there)) != (here, there):
        return ""
    try:
        return os.path.relpath(there, here)
    except ValueError:  # on another drive of Windows
        return ""
