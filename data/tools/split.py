"""Divides the images of a folder into those of training, validation and test."""

import os
import random
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pixlate.data.layouts import couple_of
from pixlate.errors import DataError, OptionError
from pixlate.util.files import atomic_write, cannot_write, make_folder
from pixlate.util.text import quoted

from .combine import pairs_of
from .output import Report, images_in, input_folder, output_folder, process

Transfer = Literal["copy", "move", "link"]


@dataclass(frozen=True)
class SplitOptions:
    """How images are divided.

    - val, test: shares of the samples, from 0 to 1.
    - group: a regular expression for names; samples for which it finds the same text stay together.
    - transfer: whether files are copied, moved or linked to.
    - unpaired: the folders A and B are two collections, which are divided by themselves.
    """

    val: float = 0.1
    test: float = 0.1
    seed: int = 0
    group: str = ""
    transfer: Transfer = "copy"
    unpaired: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Sample:
    """The files of one sample by their paths in a phase's folder, and its name."""

    name: str
    files: Mapping[str, Path]


def find_samples(folder: Path) -> list[Sample]:
    """The samples of a folder: pairs of its folders A and B (or images and labels, …), else its images.

    Raises DataError where there are none, and where a file of a pair has no partner.
    """
    couple = couple_of({entry.name: entry for entry in sorted(folder.iterdir()) if entry.is_dir()})
    if couple is not None:
        pairs = pairs_of(couple.A, couple.B, "auto")
        return [
            Sample(str(name), {f"{side}/{name}{path.suffix}": path for side, path in (("A", a), ("B", b))})
            for a, b, name in pairs
        ]
    names = {str(path.relative_to(folder)): path for path in images_in(folder)}
    return [Sample(name, {name: path}) for name, path in names.items()]


def divide(names: Sequence[str], options: SplitOptions) -> dict[str, list[str]]:
    """The names of each phase: a function of the names, whatever their order, and the options.

    Raises OptionError for shares that leave nothing to train on, and for a group that is no regular expression or that
    a name does not have.
    """
    if options.val + options.test >= 1:
        raise OptionError(f"--val {options.val:g} and --test {options.test:g} leave no images to train on.")
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(_group(name, options.group), []).append(name)
    keys = sorted(groups)
    random.Random(options.seed).shuffle(keys)
    phases: dict[str, list[str]] = {"test": [], "val": [], "train": []}
    for phase, share in (("test", options.test), ("val", options.val)):
        wanted = round(share * len(names))
        while len(phases[phase]) < wanted and len(keys) > 1:
            phases[phase] += groups[keys.pop()]
    phases["train"] = [name for key in keys for name in groups[key]]
    return {phase: sorted(phases[phase]) for phase in ("train", "val", "test")}


def split(folder: Path, output: Path, options: SplitOptions, report: Report) -> dict[str, int]:
    """Transfer the images of a folder to train/, val/ and test/ of the output folder, or trainA/, trainB/, … unpaired.

    Returns the number of samples of each folder.

    Raises DataError for a folder without images and files that cannot be written, OptionError as `divide` does.
    """
    source = input_folder(folder)
    divided = [name for name in ("train", "val", "test") if (source / name).is_dir()]
    if divided:
        raise DataError(
            f"{quoted(source)} is divided already: it has a folder '{divided[0]}'. Name the folder to divide."
        )
    sides = _sides(source) if options.unpaired else {"": source}
    transfers: list[tuple[Path, str]] = []
    counts: dict[str, int] = {}
    for side, part in sides.items():
        samples = {sample.name: sample for sample in find_samples(part)}
        for phase, names in divide(list(samples), options).items():
            counts[f"{phase}{side}"] = len(names)
            files = [file for name in names for file in samples[name].files.items()]
            transfers += [(path, f"{phase}{side}/{relative}") for relative, path in files]
    target = output_folder(output, [source], overwrite=options.overwrite)

    def transfer(file: tuple[Path, str]) -> None:
        _transfer(file[0], target / file[1], options.transfer)

    process(transfers, transfer, skip_bad=False, report=report)
    return counts


def _sides(source: Path) -> dict[str, Path]:
    couple = couple_of({entry.name: entry for entry in sorted(source.iterdir()) if entry.is_dir()})
    if couple is None:
        raise DataError(f"{quoted(source)} has no two folders A and B, which --unpaired divides.")
    return {"A": couple.A, "B": couple.B}


def _group(name: str, pattern: str) -> str:
    if not pattern:
        return name
    try:
        found = re.search(pattern, name)
    except re.error as error:
        raise OptionError(f"--group '{pattern}' is no regular expression: {error}.") from None
    if found is None:
        raise OptionError(f"--group '{pattern}' is not found in the name {quoted(name)}: every name must have it.")
    return found[1] if found.re.groups else found[0]


def _transfer(source: Path, target: Path, how: Transfer) -> None:
    make_folder(target.parent)
    try:
        if how == "link":
            target.unlink(missing_ok=True)
            target.symlink_to(source.resolve())
        elif how == "move":
            if os.path.lexists(target):
                target.unlink()
            shutil.move(source, target)
        else:
            with source.open("rb") as file, atomic_write(target) as copy:
                shutil.copyfileobj(file, copy)
    except OSError as error:
        raise cannot_write(target, error) from error
