"""The command `pixlate compare`: a page with runs beside each other."""

from pathlib import Path
from typing import Any

import click

from pixlate.options.ranges import COUNT
from pixlate.plugins.manager import Plugins
from pixlate.util.output import say

from .measuring import asked_for, measuring_options, test_of
from .runs import higher_is_better


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="comparison.html",
    show_default=True,
    metavar="FILE.html",
    help="the page",
)
@click.option("--rows", type=COUNT, default=12, show_default=True, help="images that the page shows")
@measuring_options
@click.pass_obj
def compare_command(plugins: Plugins, /, runs: tuple[str, ...], output: Path, rows: int, **given: Any) -> None:
    """Write a page with runs beside each other: options that differ, metrics, curves, and the same images.

    All runs are measured by one protocol, as by `pixlate evaluate`.
    """
    from pixlate.runs.judging.comparison import ComparedRun, save_comparison
    from pixlate.runs.judging.evaluation import evaluate
    from pixlate.runs.overview import summary

    protocol, weights = asked_for(plugins, given)
    higher = higher_is_better(plugins)
    compared: list[ComparedRun] = []
    for run in runs:
        resolved = test_of(plugins, run, protocol, given)
        found = summary(resolved.folder, higher)
        assert found is not None  # there is a run of that name
        one = ComparedRun(found)

        def keep(name: str, images: Any, one: ComparedRun = one) -> None:
            if len(one.images) < rows:
                one.images[name] = images

        one.evaluation = evaluate(resolved, plugins, protocol, weights, on_images=keep)
        protocol = one.evaluation.protocol
        compared.append(one)
    for metric, sentence in save_comparison(compared, protocol, higher, output).items():
        say(f"{metric}: {sentence}")
    say(f"The page is {output}")
