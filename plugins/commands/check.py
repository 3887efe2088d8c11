"""The command `pixlate check`: examines a data set before a training."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixlate.options.ranges import COUNT
from pixlate.plugins.manager import Plugins
from pixlate.util.output import print_result, say
from pixlate.util.text import counted

if TYPE_CHECKING:
    from pixlate.data.base import BaseDataset
    from pixlate.data.examination.findings import PhaseFacts, Report
    from pixlate.options.command.resolved import ResolvedOptions

PHASES = ("train", "val", "test")
MODES = ("aligned", "unaligned", "domains", "single")  # that are tried where neither a model nor a mode is given


@click.command(
    "check",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.argument("dataroot", type=click.Path(path_type=Path))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.option("--json", "as_json", is_flag=True, help="as JSON")
@click.option(
    "-o", "--report", type=click.Path(path_type=Path), metavar="FILE.html", help="also write a page with the images"
)
@click.option(
    "--limit", type=COUNT, default=5000, show_default=True, help="files of each phase that are decoded, at most"
)
@click.pass_obj
def check_command(
    plugins: Plugins, dataroot: Path, options: tuple[str, ...], as_json: bool, report: Path | None, limit: int
) -> None:
    """Examine the data set in DATAROOT: what was recognised, what is wrong with it, and what to do.

    All options of `pixlate train` that concern data may follow: --model, --dataset_mode, --direction, --field, …
    Without a model or a mode, the layout is found by trying. The exit code is 1 if a training would refuse the data.
    """
    from pixlate.data.examination.examine import examine
    from pixlate.data.examination.findings import Finding, Report

    resolved, datasets, not_pairs = _datasets(plugins, dataroot, list(options))
    mode = str(resolved.values["dataset_mode"])
    result = Report(str(dataroot), mode)
    if not_pairs:
        text = f"it is read as {mode}, because it is no set of pairs: {not_pairs}"
        result.add([Finding("no_pairs", "note", "train", text, "If it should be, this is what is wrong with it.")])
    if as_json:  # stdout is the report's alone
        logging.getLogger("pixlate").setLevel(logging.WARNING)
    with _progress() as progress:
        networks = _networks(plugins, resolved, datasets) if _is_given(options, "model") else None
        examine(datasets, result, networks=networks, limit=limit, progress=progress)
    if report is not None:
        _write_page(result, datasets, report)
    if as_json:
        print_result(json.dumps(result.to_json(), indent=2))
    else:
        _show(result)
        if report is not None:
            say(f"The page is {report}")
    if result.has_errors:
        raise click.exceptions.Exit(1)


def _datasets(
    plugins: Plugins, dataroot: Path, options: list[str]
) -> tuple["ResolvedOptions", dict[str, "BaseDataset[Any]"], str]:
    """The data set of each phase that there is, and why the data is no set of pairs, where that was tried before.

    Raises the first error where there is none.
    """
    from pixlate.errors import DataError
    from pixlate.options.command.resolve import resolve

    given = _is_given(options, "model") or _is_given(options, "dataset_mode")
    tried = [options] if given else [[*options, "--dataset_mode", mode] for mode in MODES]
    first_error: DataError | None = None
    for words in tried:
        resolved = resolve("train", ["--dataroot", str(dataroot), *words], plugins)
        found: dict[str, BaseDataset[Any]] = {}
        for phase in PHASES:
            try:
                found[phase] = _dataset(plugins, resolved, phase)
            except DataError as error:
                first_error = first_error or error
        if resolved.values["dataset_mode"] == "single" and not given:
            found = {phase: found[phase] for phase in ("train",) if phase in found}
        if found:
            return resolved, found, str(first_error) if first_error and _look_paired(found) else ""
    assert first_error is not None
    raise first_error


def _look_paired(datasets: dict[str, "BaseDataset[Any]"]) -> bool:
    """Whether most files of two unpaired collections have names that the other one has too."""
    names: dict[str, set[str]] = {}
    for group in getattr(datasets.get("train"), "groups", ()):
        if len(group) == 1 and len(group[0].sides) == 1:
            names.setdefault(group[0].sides[0], set()).add(group[0].path.stem)
    A, B = names.get("A", set()), names.get("B", set())
    return 2 * len(A & B) > max(len(A), len(B))


def _dataset(plugins: Plugins, resolved: "ResolvedOptions", phase: str) -> "BaseDataset[Any]":
    from pixlate.data.create import make_dataset

    values = {**resolved.values, "phase": phase, "cache": "off"}
    return make_dataset(resolved.components["dataset_mode"], values, plugins.registry("reader"))


def _networks(
    plugins: Plugins, resolved: "ResolvedOptions", datasets: dict[str, "BaseDataset[Any]"]
) -> dict[str, object] | None:
    """The networks of the chosen model, for the sizes that they take."""
    import torch

    from pixlate.data.create import channel_options
    from pixlate.models.context import ModelContext
    from pixlate.models.create import make_model
    from pixlate.plugins.field import directed

    dataset = next(iter(datasets.values()))
    fields = directed(dataset.fields, dataset.shared.direction)
    context = ModelContext(torch.device("cpu"), train=True, components=resolved.components, fields=fields)
    small = {"ngf": 1, "ndf": 1, "compile": "off"}  # the sizes that networks take do not depend on their width
    values = {**resolved.values, **channel_options(dataset), **small}
    return dict(make_model(resolved.components["model"], values, context).networks)


def _is_given(options: Sequence[str], name: str) -> bool:
    return any(word.replace("-", "_").split("=")[0] == f"__{name}" for word in options)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    from .progress import progress

    with progress("examining") as report:
        yield lambda phase, done, total: report(done, total)


def _show(report: "Report") -> None:
    from pixlate.data.examination.findings import SEVERITIES

    for facts in report.phases:
        say(f"{facts.phase}: {facts.inventory}.")
        if facts.examined < facts.files:
            say(f"  {facts.examined} of {facts.files} files were decoded; --limit takes more.")
        for line in _sides(facts):
            say(f"  {line}")
    for finding in report.findings:
        say("")
        say(f"{finding.severity} ({finding.phase}): {finding.text}")
        if finding.advice:
            say(f"  {finding.advice}")
    say("")
    counts = [counted(sum(f.severity == severity for f in report.findings), severity) for severity in SEVERITIES]
    say(f"{', '.join(counts)}.")


def _sides(facts: "PhaseFacts") -> Iterator[str]:
    for side, own in facts.sides.items():
        (width, height), _ = next(iter(own.sizes.items()))
        sizes = (
            f"{width} x {height}" if len(own.sizes) == 1 else f"{len(own.sizes)} sizes, most often {width} x {height}"
        )
        kinds = ", ".join(own.kinds)
        if own.value_range is not None:
            kinds += f" from {own.value_range[0]:g} to {own.value_range[1]:g}"
        yield f"{side}: {counted(own.images, 'image')}, {sizes}; {kinds}; mean brightness {own.levels[0]:.2f}"


def _write_page(report: "Report", datasets: dict[str, "BaseDataset[Any]"], path: Path) -> None:
    from pixlate.data.examination.page import CONTACTS, save_report
    from pixlate.data.image_dataset import ImageDataset
    from pixlate.data.reading import DEFAULT

    contacts: dict[str, list[Path]] = {}
    how = DEFAULT
    for phase, dataset in datasets.items():
        files = list(dataset.files())
        contacts[phase] = files[:: max(1, len(files) // CONTACTS)][:CONTACTS]
        how = dataset.reading if isinstance(dataset, ImageDataset) else how
    save_report(report, contacts, path, how)
