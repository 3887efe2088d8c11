"""Examines the phases of a data set: layout, sizes, files that cannot be read, copies, shifts, gaps between domains."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pixlate.data.base import BaseDataset
from pixlate.data.check import check_dataset
from pixlate.data.image_dataset import ImageDataset
from pixlate.data.value_range import ValueRange
from pixlate.errors import DataError
from pixlate.util.text import counted, quoted

from . import checks
from .copies import near_copies
from .findings import Finding, PhaseFacts, Report, SideFacts
from .looks import Look, Sample, look_at

Progress = Callable[[str, int, int], None]  # what is done, files done, all files


@dataclass(frozen=True)
class Examined:
    """A phase whose files were decoded."""

    dataset: ImageDataset[Any]
    samples: Sequence[Sample]

    @property
    def looks(self) -> list[Look]:
        """All images, in order."""
        return [look for sample in self.samples for look in sample.looks]

    @property
    def sides(self) -> dict[Path, tuple[str, ...]]:
        """The sides that are in each file."""
        return {source.path: source.sides for group in self.dataset.groups for source in group}


def examine(
    datasets: Mapping[str, BaseDataset[Any]],
    report: Report,
    *,
    networks: Mapping[str, object] | None = None,
    limit: int,
    progress: Progress,
) -> None:
    """Add the facts and findings of every phase to a report.

    - networks: whose sizes images must have.
    - limit: files of a phase that are decoded, spread over it.
    - progress: called while files are decoded.
    """
    examined: dict[str, Examined] = {}
    for phase, dataset in datasets.items():
        if not isinstance(dataset, ImageDataset):
            report.phases.append(PhaseFacts(phase, dataset.describe(), len(dataset), 0, 0, {}))
            continue
        step = -(-len(dataset.groups) // limit)
        groups = list(dataset.groups)[::step]
        dataset.measure_values()
        samples, bad = look_at(dataset, groups, lambda done, total, phase=phase: progress(phase, done, total))  # type: ignore[misc]
        examined[phase] = result = Examined(dataset, samples)
        report.phases.append(_facts(phase, result, sum(map(len, groups))))
        skips = dataset.shared.on_bad_image == "skip"
        report.add(checks.unreadable(bad, phase, skipped=skips))
        report.add(_findings(phase, result))
        if phase == "train" and (skips or not bad):
            report.add(_as_training(dataset, networks))
    report.add(_leaks(examined))
    if len(datasets) == 1 and "train" in datasets:
        report.add([_no_test()])


def _findings(phase: str, result: Examined) -> Iterator[Finding]:
    dataset, looks = result.dataset, result.looks
    yield from checks.blank_or_clipped(looks, dataset, phase)
    yield from checks.copies_within(looks, phase)
    yield from checks.shifted_pairs(result.samples, phase)
    yield from checks.undeclared_labels(looks, dataset, phase)
    if all(len(sample.looks) == 1 for sample in result.samples):
        yield from checks.domain_gap(looks, phase)
    yield from checks.few_samples(len(dataset), dataset.inventory.noun or "sample", phase)


def _as_training(dataset: ImageDataset[Any], networks: Mapping[str, object] | None) -> Iterator[Finding]:
    """What a training would refuse: its own check of the headers."""
    try:
        check_dataset(dataset, dataset.shared, networks)
    except DataError as error:
        yield Finding("refused", "error", "train", f"a training refuses this data: {error}")


def _leaks(examined: Mapping[str, Examined]) -> Iterator[Finding]:
    """Images of the test or validation phase that the training phase has too."""
    train = examined.get("train")
    if train is None:
        return
    for phase, held_out in examined.items():
        if phase == "train":
            continue
        sides = train.sides | held_out.sides
        told: set[Path] = set()
        for side in sorted({look.side for look in held_out.looks}):
            theirs = [look for look in train.looks if look.side == side]
            own = [look for look in held_out.looks if look.side == side and look.path not in told]
            pairs = near_copies(own, theirs, sides, held_out.dataset.reading)
            equal = {look.path: other.path for look, other in pairs if look.digest == other.digest}
            near = {look.path: other.path for look, other in pairs if look.path not in equal}
            told |= equal.keys() | near.keys()  # of a file with both sides, the second tells nothing new
            if equal:
                yield _leak("leak", phase, side, "equal to", equal)
            if near:
                yield _leak("near_leak", phase, side, "nearly equal to", near)


def _leak(kind: str, phase: str, side: str, how: str, pairs: Mapping[Path, Path]) -> Finding:
    first, second = next(iter(pairs.items()))
    return Finding(
        kind,
        "warning",
        f"train+{phase}",
        f"{counted(len(pairs), 'image')} of {side} in {phase} {'is' if len(pairs) == 1 else 'are'} {how} images in "
        f"train, for example {quoted(first)} and {quoted(second)}.",
        f"A result on {phase} then measures memory. Remove them from train; pixlate split --group keeps frames of a "
        "video, or slices of a patient, together.",
        tuple(list(pairs.items())[: checks.SHOWN]),
    )


def _no_test() -> Finding:
    return Finding(
        "no_test",
        "note",
        "train",
        "there are no images for a test: neither test nor val.",
        "pixlate split divides a folder; progress is then shown on images that are not trained on.",
    )


def _facts(phase: str, result: Examined, examined: int) -> PhaseFacts:
    dataset, looks = result.dataset, result.looks
    sides = {side: [look for look in looks if look.side == side] for side in sorted({look.side for look in looks})}
    facts = {side: _side_facts(own, dataset.value_ranges.get(side)) for side, own in sides.items()}
    files = len(dataset.files())
    return PhaseFacts(phase, dataset.describe(), len(dataset), files, min(files, examined), facts)


def _side_facts(looks: Sequence[Look], value_range: ValueRange | None) -> SideFacts:
    thumbs = np.stack([look.thumb for look in looks])
    sizes = Counter(look.size for look in looks).most_common()
    levels = float(thumbs.mean()), float(thumbs.mean((1, 2, 3)).std())
    limits = None if value_range is None else (value_range.low, value_range.high)
    return SideFacts(len(looks), dict(sizes), checks.kinds_of(looks), levels, limits)
