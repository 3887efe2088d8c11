"""The command `pixlate evaluate`: how good runs are, by one protocol."""

import csv
import io
import json
import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixlate.errors import OptionError
from pixlate.options.ranges import COUNT
from pixlate.plugins.discovery import load_files
from pixlate.plugins.manager import Plugins
from pixlate.util.files import write_whole
from pixlate.util.output import complain, print_result, say

if TYPE_CHECKING:
    from pixlate.metrics.protocol import Protocol
    from pixlate.options.command.resolved import ResolvedOptions
    from pixlate.runs.evaluation import Evaluation


@click.command("evaluate")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--protocol",
    default="",
    metavar="NAME|FILE",
    help="what is measured: pairs, labels, sets, inception, colours, or a TOML file [default: by the data]",
)
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="a metric, in place of the protocol's (repeatable)"
)
@click.option("--phase", metavar="PHASE", help="part of the data [default: test, or val where there is no test]")
@click.option("--epoch", metavar="TAG", help="checkpoint [default: latest]")
@click.option("--images", type=COUNT, metavar="N", help="at most the first N images")
@click.option("--dataroot", metavar="FOLDER", help="other data than that of the training")
@click.option(
    "--weights", multiple=True, metavar="NAME=FILE", help="weights of a metric's network: inception, alexnet, efflite0"
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="write everything as JSON; - prints it"
)
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path), metavar="FILE", help="write the values of each image"
)
@click.option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N")
@click.option(
    "--plugin", "files", metavar="FILE.py", multiple=True, help="load the plugin in this file, whose code runs"
)
@click.pass_obj
def evaluate_command(
    plugins: Plugins, /, runs: tuple[str, ...], json_file: Path | None, csv_file: Path | None, **given: Any
) -> None:
    """Measure how good runs are: names in ./checkpoints, or their folders.

    All are measured by one protocol, whose digest is printed: values of different protocols cannot be compared. Of
    several runs the mean and the standard deviation are shown too.
    """
    from pixlate.runs.evaluation import evaluate

    load_files(plugins, given["files"])
    protocol, weights = _protocol(given), _weights(given["weights"])
    for name in protocol.metrics:
        plugins.registry("metric").get(name)  # before a model is loaded
    if str(json_file) == "-":  # stdout is the JSON's alone
        logging.getLogger("pixlate").setLevel(logging.WARNING)
    evaluations: list[Evaluation] = []
    for run in runs:
        evaluation = evaluate(_resolved(plugins, run, protocol, given), plugins, protocol, weights)
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


def _protocol(given: Mapping[str, Any]) -> "Protocol":
    """What is asked for; without metrics where the data chooses them."""
    from pixlate.metrics.protocol import Protocol, protocol_of

    protocol = protocol_of(given["protocol"]) if given["protocol"] else Protocol(())
    changes = {name: given[name] for name in ("metrics", "phase", "epoch", "images") if given[name]}
    return replace(protocol, **changes)


def _weights(texts: Sequence[str]) -> dict[str, Path]:
    weights = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not equals or not Path(file).expanduser().is_file():
            raise OptionError(f"--weights '{text}' must be NAME=FILE, with a file that exists: inception=weights.pth.")
        weights[name] = Path(file).expanduser()
    return weights


def _resolved(plugins: Plugins, run: str, protocol: "Protocol", given: Mapping[str, Any]) -> "ResolvedOptions":
    """The options of a test of a run by the protocol."""
    from pixlate.options.command.requirements import require_run
    from pixlate.options.command.resolve import resolve

    folder = Path(run).expanduser()
    words = ["--name", folder.name, "--epoch", protocol.epoch, "--seed", str(protocol.seed)]
    if folder.name != run:
        words += ["--checkpoints_dir", str(folder.parent)]
    if protocol.phase != "auto":
        words += ["--phase", protocol.phase]
    if protocol.images is not None:
        words += ["--num_test", str(protocol.images)]
    if protocol.size is not None:
        words += ["--preprocess", "resize", "--load_size", str(protocol.size), "--crop_size", str(protocol.size)]
    words += [word for file in given["files"] for word in ("--plugin", file)]
    for option in ("dataroot", "device"):
        if given[option]:
            words += [f"--{option}", given[option]]
    resolved = resolve("test", words, plugins)
    require_run(resolved)
    return resolved


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
    from pixlate.runs.evaluation import described

    images = "all" if protocol.images is None else f"at most {protocol.images}"
    say(f"Protocol {protocol.digest}: {protocol.name or 'own'}, checkpoint {protocol.epoch}, {images} images.")
    for evaluation in evaluations:
        say(f"{evaluation.run} ({evaluation.phase}; {evaluation.data})")
        for name, measured in evaluation.metrics.items():
            say(f"  {name:20}{described(measured)}")
    if len({evaluation.data for evaluation in evaluations}) > 1:
        complain("warning: the runs were measured on different data, so their values cannot be compared.")
    for name, (mean, std) in _over_runs(evaluations).items():
        say(f"{name:22}{mean:.4g} ± {std:.2g} over {len(evaluations)} runs")
