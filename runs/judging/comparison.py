"""The page of `pixlate compare`: runs beside each other, by options, metrics, curves and the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dominate import tags
from dominate.dom_tag import dom_tag
from dominate.util import raw

from pixlate.metrics.base import described
from pixlate.metrics.protocol import Protocol
from pixlate.runs.overview import LOSSES, VALIDATION, Summary, differences, read_records
from pixlate.util.charts import Chart, Line, chart_style, charts
from pixlate.util.curves import Curve
from pixlate.util.html import page, save_page, visible
from pixlate.util.image_io import ImageArray, data_address
from pixlate.util.text import counted
from pixlate.util.web import script, web_file

from .evaluation import Evaluation
from .verdict import verdicts

COLUMN = 260  # pixels of an image's column
WIDTH = 1720  # pixels of the page's content on large screens
VALIDATED = "validation: "  # the beginning of the titles of charts of validations

Shown = Mapping[str, ImageArray]


@dataclass
class ComparedRun:
    """One run of a comparison: its files, its metrics, and its first images by their names."""

    summary: Summary
    evaluation: Evaluation | None = None
    images: dict[str, Shown] = field(default_factory=dict)


def save_comparison(
    runs: Sequence[ComparedRun], protocol: Protocol, higher_is_better: Mapping[str, bool], path: Path
) -> dict[str, str]:
    """Write the page, one file with its images; returns which run is better, a sentence for each metric.

    - higher_is_better: of metrics by name; smaller values are better for others.

    Raises DataError where it cannot be written.
    """
    facts = {"runs": ", ".join(run.summary.name for run in runs), "protocol": protocol.digest}
    facts |= {"metrics": ", ".join(protocol.metrics), "checkpoint": protocol.epoch}
    measured = {run.summary.name: run.evaluation for run in runs if run.evaluation is not None}
    found = verdicts(measured, higher_is_better)
    images = [*_images(runs), tags.script(raw(script("zoom.js")))]
    body = [*_verdicts(found), _options(runs), _metrics(measured), *_charts(runs), *images]
    title = f"Comparison of {counted(len(runs), 'run')}"
    document = page(title, title, facts, *body, width=max(WIDTH, COLUMN * (len(runs) + 2)))
    document.head.add(chart_style(), tags.style(raw(web_file("tables.css"))))
    save_page(document, path)
    return found


def _verdicts(found: Mapping[str, str]) -> list[dom_tag]:
    sentences = [tags.li(tags.b(visible(metric)), visible(sentence)) for metric, sentence in found.items()]
    return [tags.section(tags.h2("Which is better"), tags.ul(sentences, cls="verdicts"))] if sentences else []


def _metrics(measured: Mapping[str, Evaluation]) -> dom_tag:
    names = list(dict.fromkeys(name for each in measured.values() for name in each.metrics))
    each = [evaluation.metrics for evaluation in measured.values()]
    rows = [(name, *(described(found[name]) if name in found else "" for found in each)) for name in names]
    return tags.section(tags.h2("Metrics"), _table(("metric", *measured), rows))


def _options(runs: Sequence[ComparedRun]) -> dom_tag:
    differ = differences([run.summary for run in runs])
    rows = [(name, *(str(value) for value in values)) for name, values in differ.items()]
    text = tags.p("No option that was given differs.") if not rows else ""
    table = _table(("option", *(run.summary.name for run in runs)), rows) if rows else ""
    return tags.section(tags.h2("Options that differ"), text, table)


def _charts(runs: Sequence[ComparedRun]) -> list[dom_tag]:
    """A chart for each metric of validations and each loss that any of the runs has."""
    curves: dict[str, dict[str, Curve]] = {}
    for file, key, prefix in ((VALIDATION, "metrics", VALIDATED), (LOSSES, "losses", "")):
        for run in runs:
            for record in read_records(run.summary.folder / file):
                for name, value in _numbers(record.get(key)).items():
                    curve = curves.setdefault(f"{prefix}{name}", {}).setdefault(run.summary.name, Curve())
                    curve.add(float(_numbers(record).get("images", 0)), value)
    # Every run has a place in every chart, so that its colour is the same.
    names = [run.summary.name for run in runs]
    shown = [
        Chart(title, [_line(name, found.get(name), measured=title.startswith(VALIDATED)) for name in names], "images")
        for title, found in curves.items()
    ]
    return [charts(shown)] if shown else []


def _line(name: str, curve: Curve | None, *, measured: bool) -> Line:
    return Line(name, curve.points(), curve.last, measured) if curve is not None else Line(name, [])


def _images(runs: Sequence[ComparedRun]) -> list[dom_tag]:
    """A row for each image: the input, the output of each run, and the ground truth."""
    sections = []
    names = list(dict.fromkeys(name for run in runs for name in run.images))
    for name in names:
        shown = [(run, run.images[name]) for run in runs if name in run.images]
        first = shown[0][1]
        columns = [("input", _first(first, "real_A", "real"))]
        columns += [(run.summary.name, _first(images, "fake_B", "fake")) for run, images in shown]
        columns += [("ground truth", _first(first, "real_B"))]
        figures = [_figure(label, image) for label, image in columns if image is not None]
        row = tags.div(*figures, cls="row zoomed-together", style=f"--columns: {len(figures)}; --width: {COLUMN}px")
        sections.append(tags.section(tags.h2(visible(name)), row))
    return sections


def _figure(label: str, image: ImageArray) -> dom_tag:
    height, width = image.shape[:2]
    address = data_address(image)
    shown = tags.img(src=address, alt=visible(label), width=width, height=height, loading="lazy")
    return tags.figure(tags.span(shown, cls="frame"), tags.figcaption(visible(label)))


def _first(images: Shown, *beginnings: str) -> ImageArray | None:
    labels = [label for beginning in beginnings for label in images if label.startswith(beginning)]
    return images[labels[0]] if labels else None


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> dom_tag:
    table = tags.table(tags.tr(*(tags.th(visible(heading)) for heading in headings)))
    for row in rows:
        table.add(tags.tr(*(tags.td(visible(cell)) for cell in row)))
    return tags.div(table, cls="wide")


def _numbers(values: Any) -> dict[str, float]:
    """The entries of a record that are numbers."""
    entries = values.items() if isinstance(values, dict) else ()
    return {str(name): float(value) for name, value in entries if isinstance(value, int | float) and abs(value) < 1e300}
