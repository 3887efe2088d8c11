"""The command `pixlate runs`: a table of the runs in a folder, and how they differ."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixlate.errors import OptionError, PixlateError, did_you_mean
from pixlate.plugins.manager import Plugins
from pixlate.util.output import print_result, say

if TYPE_CHECKING:
    from pixlate.runs.overview import Summary

MAX_VALUE = 40  # characters of an option's value in the table
MAX_DIFFERENCES = 4  # options that differ, in a row


@click.command("runs")
@click.argument("folder", type=click.Path(path_type=Path), default="./checkpoints")
@click.option("--json", "as_json", is_flag=True, help="as JSON, with all options")
@click.option(
    "--sort", metavar="METRIC", help="the best of this metric of validations first [default: the newest first]"
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="write a page instead, with images and links to the pages of the runs",
)
@click.pass_obj
def runs_command(plugins: Plugins, folder: Path, as_json: bool, sort: str | None, html: Path | None) -> None:
    """List the runs in FOLDER, by default ./checkpoints: progress, best validation, and the options that differ."""
    from pixlate.runs.index_page import save_index
    from pixlate.runs.overview import differences, summaries

    higher = higher_is_better(plugins)
    runs = summaries(folder.expanduser(), higher)
    if sort:
        known = sorted({name for run in runs for name in run.best or {}})
        if runs and sort not in known:
            raise OptionError(f"no run has validations of '{sort}'.{did_you_mean(sort, known)}")
        sign = -1 if higher.get(sort) else 1
        runs.sort(key=lambda run: sign * run.best[sort][0] if run.best and sort in run.best else float("inf"))
    else:
        runs.sort(key=lambda run: -run.changed)
    if html is not None:
        save_index(runs, higher, html)
        say(f"The page is {html}")
        return
    if as_json:
        print_result(json.dumps([run.to_json() for run in runs], indent=2, default=str))
        return
    if not runs:
        say(f"There are no runs in {folder}.")
        return
    _show(runs, differences([run for run in runs if run.options]), sort)


def higher_is_better(plugins: Plugins) -> dict[str, bool]:
    """Of every metric that can be loaded, whether larger values are better."""
    found: dict[str, bool] = {}
    for component in plugins.registry("metric"):
        try:
            found[component.name] = bool(component.load().higher_is_better)
        except PixlateError:  # of a plugin that is broken: it is told by `pixlate plugins`
            continue
    return found


def _show(runs: "Sequence[Summary]", differ: Mapping[str, Sequence[Any]], sort: str | None) -> None:
    from rich.text import Text

    from .listing import show, table

    with_options = [run for run in runs if run.options]
    shown = list(differ)[:MAX_DIFFERENCES]
    headings = ("run", "model", "epoch", "best validation", "last change", *shown)
    rows = []
    for run in runs:
        options = run.options or {}
        cells = [
            Text(run.name, style="bold"),
            Text(str(options.get("model", ""))),
            Text(f"{run.epoch} of {run.n_epochs}" if run.options and run.n_epochs else run.problem[:MAX_VALUE]),
            Text(_best(run, sort)),
            Text(time.strftime("%Y-%m-%d %H:%M", time.localtime(run.changed)) if run.changed else ""),
        ]
        position = with_options.index(run) if run in with_options else None
        cells += [Text("" if position is None else str(differ[name][position])[:MAX_VALUE]) for name in shown]
        rows.append(cells)
    show(table(headings, rows))
    if len(differ) > len(shown):
        say(f"They differ in {len(differ) - len(shown)} further options: {', '.join(list(differ)[len(shown) :][:12])}.")


def _best(run: "Summary", sort: str | None) -> str:
    best = run.best or {}
    names = [sort] if sort and sort in best else list(best)[:2]
    return ", ".join(f"{name} {best[name][0]:.4g} (epoch {best[name][1]})" for name in names)
