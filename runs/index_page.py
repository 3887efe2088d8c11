"""The page of `pixlate runs --html`: a table of runs that can be sorted, with links to their pages."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dominate import tags
from dominate.dom_tag import dom_tag
from dominate.util import raw

from pixlate.util.html import address, page, save_page, visible
from pixlate.util.web import script, web_file

from .overview import Summary, differences

PAGE = "web/index.html"  # in a run's folder
#: The images of which the newest is shown, in the order of preference.
IMAGES = tuple(f"web/images/{kind}epoch*_fake{side}.png" for side in ("_B", "*") for kind in ("held_out_", ""))
WIDTH = 1720  # pixels of the page's content on large screens


def save_index(runs: Sequence[Summary], higher_is_better: Mapping[str, bool], path: Path) -> None:
    """Write the page; links and images are relative to it. Raises DataError where it cannot be written.

    - runs: in this order.
    - higher_is_better: of metrics by name, which decides what is sorted first.
    """
    known = [run for run in runs if run.options]
    differ = differences(known)
    metrics = list(dict.fromkeys(name for run in runs for name in run.best or {}))
    headings = ["", "run", "state", "epoch", *metrics, *differ, "last change"]
    descending = {name for name in metrics if higher_is_better.get(name)} | {"epoch", "last change"}
    table = tags.table(tags.thead(tags.tr([_heading(name, name in descending) for name in headings])), cls="runs")
    body = table.add(tags.tbody())
    for run in runs:
        position = known.index(run) if run in known else None
        values = [values[position] if position is not None else None for values in differ.values()]
        body.add(_row(run, metrics, values, path.absolute().parent))
    title = f"{len(runs)} runs"
    content = [tags.div(table, cls="scrolling"), tags.script(raw(script("tables.js")))]
    document = page(title, title, {"written": _date(time.time())}, *content, width=WIDTH)
    document.head.add(tags.style(raw(web_file("tables.css"))))
    save_page(document, path)


def _row(run: Summary, metrics: Sequence[str], values: Sequence[Any], place: Path) -> dom_tag:
    name: dom_tag | str = visible(run.name)
    target = _address(run.folder / PAGE, place)
    if target and (run.folder / PAGE).is_file():
        name = tags.a(name, href=target)
    state = run.state or run.problem
    row = tags.tr(tags.td(_thumbnail(run, place)), tags.td(name), tags.td(visible(state)), _cell(*_epoch(run)))
    for metric in metrics:
        value, epoch = (run.best or {}).get(metric, (None, 0))
        row.add(_cell("" if value is None else f"{value:.4g}", value, f" (epoch {epoch})" if epoch else ""))
    for value in values:
        row.add(_cell(_text(value), value))
    row.add(_cell(_date(run.changed) if run.changed else "", run.changed))
    return row


def _heading(name: str, descending: bool) -> dom_tag:
    """A heading that sorts when it is pressed; the largest values first where they are the best."""
    if not name:
        return tags.th()
    return tags.th(tags.button(visible(name), type="button", data_first="descending" if descending else "ascending"))


def _cell(text: str, value: Any = None, note: str = "") -> dom_tag:
    """A cell; numbers are sorted by their value, and not by their text."""
    cell = tags.td(visible(text), tags.small(note) if note else "")
    if isinstance(value, int | float) and abs(value) < 1e300:
        cell["data-value"] = repr(float(value))
        cell["class"] = "number"
    return cell


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _epoch(run: Summary) -> tuple[str, int | None]:
    return (f"{run.epoch} of {run.n_epochs}", run.epoch) if run.options and run.n_epochs else ("", None)


def _thumbnail(run: Summary, place: Path) -> dom_tag | str:
    for pattern in IMAGES:
        newest = max(run.folder.glob(pattern), key=_newest_first, default=None)
        source = _address(newest, place) if newest is not None else ""
        if source:
            return tags.img(src=source, alt="", loading="lazy", width="96", height="96")
    return ""


def _newest_first(image: Path) -> tuple[float, str]:
    """The time of an image; of those of one display the first by name, which is the same one in every run."""
    with suppress(OSError):
        return image.stat().st_mtime, image.name
    return 0.0, image.name


def _address(file: Path, place: Path) -> str:
    """A file's address from a page in a folder; empty where there is no way, as to another drive."""
    with suppress(ValueError):
        return address(Path(os.path.relpath(file.absolute(), place)).as_posix())
    return ""


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
