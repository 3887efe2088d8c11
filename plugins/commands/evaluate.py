"""The command `pixlate evaluate`: how good runs are, by one protocol."""

import csv
import io
import json
import logging
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixlate.plugins.manager import Plugins
from pixlate.util.files import write_whole
from pixlate.util.output import complain, print_result, say

from .measuring import asked_for, measuring_options, test_of

if TYPE_CHECKING:
    from pixlate.metrics.protocol import Protocol
    from pixlate.runs.judging.evaluation import Evaluation


@click.command("evaluate")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@measuring_options
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="write everything as JSON; - prints it"
)
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path), metavar="FILE", help="write the values of each image"
)
@click.pass_obj
def evaluate_command(
    plugins: Plugins, /, runs: tuple[str, ...], json_file: Path | None, csv_file: Path | None, **given: Any
) -> None:
    """Measure how good runs are: names in ./checkpoints, or their folders.

    All are measured by one protocol, whose digest is printed: values of different protocols cannot be compared. Of
    several runs the mean and the standard deviation are shown too.
    """
    from pixlate.runs.judging.evaluation import evaluate

    protocol, weights = asked_for(plugins, given)
    if str(json_file) == "-":  # stdout is the JSON's alone
        logging.getLogger("pixlate").setLevel(logging.WARNING)
    evaluations: list[Evaluation] = []
    for run in runs:
        evaluation = evaluate(test_of(plugins, run, protocol, given), plugins, protocol, weights)
        protocol = evaluation.protocol  # whose metrics the data of the first run may have chosen
        evaluations.append(evaluation)
    content = json.dumps(_content(protocol, evaluations), indent=2)
    if csv_file is not None:
        write_whole(csv_file, _csv(evaluations).encode())
    if str(json_file) == "-":
        print_result(content)
        return
    if json_file is not None:
        write_whole(json_file, content.encode())
    _show(protocol, evaluations)


def _content(protocol: "Protocol", evaluations: Sequence["Evaluation"]) -> dict[str, Any]:
    return {
        "protocol": protocol.to_json(),
        "runs": [evaluation.to_json() for evaluation in evaluations],
        "over_runs": {name: {"mean": mean, "std": std} for name, (mean, std) in _over_runs(evaluations).items()},
    }


def _over_runs(evaluations: Sequence["Evaluation"]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each metric; empty for one run."""
    if len(evaluations) < 2:
        return {}
    values = {name: [each.metrics[name].value for each in evaluations] for name in evaluations[0].metrics}
    return {name: (statistics.fmean(found), statistics.stdev(found)) for name, found in values.items()}


def _csv(evaluations: Sequence["Evaluation"]) -> str:
    """A row for each image of each run, with the metrics of single images."""
    names = [name for name, measured in evaluations[0].metrics.items() if measured.per_image]
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["run", "image", *names])
    for evaluation in evaluations:
        for row in evaluation.to_json()["per_image"]:
            table.writerow([evaluation.run, row["image"], *(row[name] for name in names)])
    return text.getvalue()


def _show(protocol: "Protocol", evaluations: Sequence["Evaluation"]) -> None:
    from pixlate.metrics.base import described

    images = "all" if protocol.images is None else f"at most {protocol.images}"
    say(f"Protocol {protocol.digest}: {protocol.name or 'own'}, checkpoint {protocol.epoch}, {images} images.")
    for evaluation in evaluations:
        say(f"{evaluation.run} ({evaluation.phase}; {evaluation.data})")
        for name, measured in evaluation.metrics.items():
            say(f"  {name:20}{described(measured)}")
        if evaluation.advice:
            say(f"  {evaluation.advice}")
    if len({evaluation.data for evaluation in evaluations}) > 1:
        complain("warning: the runs were measured on different data, so their values cannot be compared.")
    for name, (mean, std) in _over_runs(evaluations).items():
        say(f"{name:22}{mean:.4g} ± {std:.2g} over {len(evaluations)} runs")
