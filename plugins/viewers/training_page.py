"""The page of a training run: how it goes, the held-out images over time, the curves, and the images of each epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dominate import tags
from dominate.dom_tag import dom_tag
from dominate.util import raw

from pixlate.util.charts import chart_style, charts
from pixlate.util.html import address, content_width, image_row, page, rendered, save_page, visible
from pixlate.util.text import counted
from pixlate.util.web import script, web_file

from .epoch_record import EpochRecord, HealthRecord
from .held_out_viewer import HeldOutViewer
from .history import RunHistory
from .run_charts import run_charts

REFRESH = 30  # seconds after which browsers reload the page while the run is in progress
WIDTH = 1720  # pixels of the page's content on large screens, unless its images need more


@dataclass(frozen=True)
class Position:
    """How far a run is.

    - facts: for the top of the page; running: whether it is in progress.
    - done: the share of its images that it has seen, 0 to 1.
    - best: the epoch of the checkpoint "best"; None where there is none.
    - files: names of files in the run's folder to which the page has links.
    """

    facts: Mapping[str, str]
    running: bool
    done: float = 0.0
    best: float | None = None
    files: Sequence[str] = ()


@dataclass(frozen=True)
class RunDescription:
    """What tells a run apart: the options that the user gave, by name, and other facts."""

    options: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


class TrainingPage:
    """Builds the page.

    The section of an epoch is rendered only when it changes, and kept as text: the page is written at every display,
    which must not become slower with the number of epochs.
    """

    def __init__(self, name: str, history: RunHistory, width: int, description: RunDescription) -> None:
        self._name = name
        self._history = history
        self._width = width
        self._description = description
        self._page_width = max(WIDTH, content_width([], width))
        self._sections: dict[int, dom_tag] = {}
        self._held_out = HeldOutViewer(width)
        self.health: HealthRecord | None = None

    def show(self, epoch: EpochRecord) -> None:
        """Add the section of an epoch, or replace it."""
        counts = [len(row.images) for row in epoch.trained + epoch.unseen]
        self._page_width = max(self._page_width, content_width(counts, self._width))
        self._sections[epoch.number] = rendered(epoch_section(epoch, self._width))
        self._held_out.add(epoch)

    def save(self, path: Path, position: Position) -> None:
        """Write the page. Browsers reload it while the run is in progress."""
        title = f"Experiment name = {self._name}"
        refresh = REFRESH if position.running else 0
        facts = dict(position.facts)
        if self.health is not None and not self.health.warnings:
            facts["health"] = "no warnings"
        held_out = self._held_out.section()
        body = [
            tags.progress(value=f"{position.done:.4f}", max="1", aria_label="the part of the training that is done"),
            self._warnings(),
            held_out,
            self._charts(position.best),
            self._this_run(position.files),
            *self._epochs(running=position.running, opened=held_out is None),
        ]
        shown = [part for part in body if part is not None]
        document = page(title, self._name, facts, *shown, width=self._page_width, refresh=refresh)
        document.head.add(chart_style(), tags.style(raw(web_file("training.css"))))
        save_page(document, path)

    def _warnings(self) -> dom_tag | None:
        if self.health is None or not self.health.warnings:
            return None
        count = counted(len(self.health.warnings), "warning")
        items = [tags.li(tags.b(visible(each.text)), " " + visible(each.advice)) for each in self.health.warnings]
        return tags.section(tags.h2(f"{count}, epoch {self.health.epoch}"), tags.ul(items), id="health", cls="warnings")

    def _charts(self, best: float | None) -> dom_tag | None:
        shown = run_charts(self._history, best)
        return tags.div(charts(shown), id="charts") if shown else None

    def _this_run(self, files: Sequence[str]) -> dom_tag:
        section = tags.section(tags.h2("this run"), id="run")
        names = tags.dl()
        for name, fact in self._description.facts.items():
            names.add(tags.dt(visible(name)), tags.dd(visible(fact)))
        if self._description.options:
            given = [
                tags.li(tags.span(visible(name)), visible(value)) for name, value in self._description.options.items()
            ]
            names.add(tags.dt("options given"), tags.dd(tags.ul(given, cls="facts")))
        if files:
            links = [tags.li(tags.a(file, href=address(f"../{file}"))) for file in files]
            names.add(tags.dt("files"), tags.dd(tags.ul(links, cls="facts")))
        section.add(names)
        return section

    def _epochs(self, *, running: bool, opened: bool) -> list[dom_tag]:
        """The sections of all epochs, which epochs.js reads when they are opened unless they are `opened` already."""
        if not self._sections:
            return [tags.p("No images yet." if running else "No images.", cls="note")]
        sections = [self._sections[number] for number in sorted(self._sections, reverse=True)]
        summary = tags.summary(f"All images of {counted(len(sections), 'epoch')}, the newest first")
        # Browsers that run scripts take the content of noscript as one text, however many images it has.
        content = sections if opened else [tags.noscript(*sections)]
        details = tags.details(summary, *content, id="epochs", **({"open": True} if opened else {}))
        return [details, tags.script(raw(script("memory.js", "epochs.js")))]


def epoch_section(epoch: EpochRecord, width: int) -> dom_tag:
    """One epoch: a heading, its metrics, and its rows of images."""
    section = tags.section(tags.h2(f"epoch [{epoch.number}]"), id=f"epoch{epoch.number}")
    if epoch.metrics:
        values = [tags.li(tags.span(visible(name)), f"{value:.4g}") for name, value in epoch.metrics.items()]
        section.add(tags.ul(values, cls="facts"))
    for row in epoch.trained + epoch.unseen:
        section.add(tags.h3(tags.b(visible(row.group)), " · " + visible(row.name) if row.name else ""))
        section.add(image_row(row.images, width))
    return section
