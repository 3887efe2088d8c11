"""The findings of one phase, from what was measured of its images."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixlate.data.check import UNEQUAL
from pixlate.data.image_dataset import ImageDataset
from pixlate.data.reading import BadImageError
from pixlate.util.text import counted, listed, quoted

from .copies import equal_images
from .findings import Finding
from .looks import Look, Sample
from .shift import AGREE, UNRELATED, common_shift

SHOWN = 6  # groups of images that a finding shows
MAX_NAMED = 3
CLIPPED = 0.98  # share of black and white pixels of an image that is hardly a photograph
FEW_COLOURS = 64  # an image of so many, without loss, may hold labels
FEW_SAMPLES = 100  # for a training
SMALLEST_SHIFT = 1.5  # pixels: a smaller one is within the error of the measurement
COLOUR_GAP = 0.08  # distance of the mean colours of two domains, without their brightness
GAP = 0.25  # difference of mean brightness of two domains, of the range from black to white


def unreadable(errors: Sequence[BadImageError], phase: str, *, skipped: bool) -> Iterator[Finding]:
    """Files that cannot be read, or not to their end.

    - skipped: whether a training goes on without them.
    """
    if errors:
        reason = str(errors[0]).partition(" as an image: ")[2].rstrip(".") or str(errors[0])
        others = listed([quoted(error.path) for error in errors], MAX_NAMED)
        yield Finding(
            "unreadable",
            "warning" if skipped else "error",
            phase,
            f"{counted(len(errors), 'file')} cannot be read: {others}. Of the first: {reason}.",
            "Repair or remove them." if skipped else "Repair or remove them; --on_bad_image skip trains without them.",
        )


def blank_or_clipped(looks: Sequence[Look], dataset: ImageDataset[Any], phase: str) -> Iterator[Finding]:
    """Images of one colour, and photographs that are nearly all black and white."""
    images = [look for look in looks if dataset.fields[look.side.partition(":")[0]].kind == "image"]
    blank = [look for look in images if look.blank]
    if blank:
        yield Finding(
            "blank",
            "warning",
            phase,
            f"{counted(len({look.path for look in blank}), 'file')} with an image of one colour: {_names(blank)}.",
            "Remove them, unless they belong to the data: nothing can be learnt from them.",
            _shown([look] for look in blank),
        )
    for side in sorted({look.side for look in images}):
        # Of a side whose images are all like this, drawings or masks, it is no fault.
        others = [look for look in images if look.side == side and not look.blank]
        clipped = [look for look in others if look.clipped > CLIPPED]
        if 0 < len(clipped) < 0.2 * len(others):
            yield Finding(
                "clipped",
                "warning",
                phase,
                f"{counted(len(clipped), 'image')} of {side} nearly all black or white: {_names(clipped)}.",
                "Look at them: they may be overexposed, empty, or of another kind than the others.",
                _shown([look] for look in clipped),
            )


def copies_within(looks: Sequence[Look], phase: str) -> Iterator[Finding]:
    """Equal images within a side."""
    told: set[frozenset[Path]] = set()
    for side in sorted({look.side for look in looks}):
        groups = equal_images([look for look in looks if look.side == side])
        groups = [group for group in groups if frozenset(look.path for look in group) not in told]
        told |= {frozenset(look.path for look in group) for group in groups}  # of files with both sides
        if groups:
            count = sum(len(group) - 1 for group in groups)
            yield Finding(
                "duplicates",
                "warning",
                phase,
                f"{counted(count, 'image')} of {side} {'is' if count == 1 else 'are'} equal to another one, for "
                f"example {quoted(groups[0][0].path)} and {quoted(groups[0][1].path)}.",
                "Remove them: what is there twice weighs twice.",
                _shown(groups),
            )


def shifted_pairs(samples: Sequence[Sample], phase: str) -> Iterator[Finding]:
    """Pairs whose B is shifted against A, all of them or single ones."""
    measured = [(sample, sample.shift) for sample in samples if sample.shift is not None]
    common = common_shift([shift for _, shift in measured])
    if common is None:
        return
    if common.agreement < UNRELATED:
        yield Finding(
            "unrelated",
            "note",
            phase,
            f"A and B have no edges in common: {common.agreement:.0%} of the pairs agree on how B lies on A.",
            "If A and B should show the same scene, check the pairs; for unpaired images use --model cycle_gan.",
            _shown(sample.looks for sample, _ in measured),
        )
    if common.agreement < AGREE:
        return
    if max(abs(common.x), abs(common.y)) >= SMALLEST_SHIFT:
        yield Finding(
            "shifted",
            "warning",
            phase,
            f"B is shifted against A by {common.x:+.0f} pixels to the right and {common.y:+.0f} down in "
            f"{common.agreement:.0%} of the pairs.",
            "Shift it back: an L1 loss of shifted pairs teaches a generator to blur.",
            _shown(sample.looks for sample, _ in measured),
        )
    odd = [sample for sample, shift in measured if shift.is_odd(common)]
    if odd:
        yield Finding(
            "misaligned",
            "note",
            phase,
            f"{counted(len(odd), 'pair')} may be misaligned, or no pair: the edges of B lie elsewhere than in the "
            f"others: {_names([sample.looks[0] for sample in odd])}.",
            "Look at them.",
            _shown(sample.looks for sample in odd),
        )


def undeclared_labels(looks: Sequence[Look], dataset: ImageDataset[Any], phase: str) -> Iterator[Finding]:
    """Sides of images with so few colours that they may be labels."""
    for side in sorted({look.side for look in looks}):
        own = [look for look in looks if look.side == side]
        field = dataset.fields[side.partition(":")[0]]
        colours = max((look.colours for look in own), default=0)
        if field.kind == "image" and field.dtype == "uint8" and 2 <= colours <= FEW_COLOURS:
            yield Finding(
                "labels",
                "note",
                phase,
                f"the images of {side} have at most {colours} colours: they may be labels.",
                f"If they are, --field {side}=labels:N gives the model classes instead of colours.",
                _shown([look] for look in own),
            )


def domain_gap(looks: Sequence[Look], phase: str) -> Iterator[Finding]:
    """Two unpaired domains that differ in number or in brightness."""
    sides = {side: [look for look in looks if look.side == side] for side in "AB"}
    if not all(sides.values()):
        return
    counts = {side: len(own) for side, own in sides.items()}
    more, fewer = sorted(counts, key=lambda side: -counts[side])
    if counts[more] > UNEQUAL * counts[fewer]:
        draws = counts[more] / counts[fewer]
        yield Finding(
            "unequal",
            "note",
            phase,
            f"{more} has {counts[more]} images and {fewer} {counts[fewer]}: in an epoch each image of {more} is drawn "
            f"once, each of {fewer} about {draws:.1f} times.",
            f"Of {fewer} the discriminator may learn the images by heart: --augment helps, or more images.",
        )
    brightness = {side: float(np.mean([look.thumb.mean() for look in own])) for side, own in sides.items()}
    if abs(brightness["A"] - brightness["B"]) > GAP:
        darker = min(brightness, key=lambda side: brightness[side])
        yield Finding(
            "brightness",
            "note",
            phase,
            f"{darker} is darker: the mean brightness of A is {brightness['A']:.2f}, of B {brightness['B']:.2f}.",
            "Where brightness is not what is to be translated, equalise it first.",
            _shown([own[0]] for own in sides.values()),
        )
    colours = {side: np.mean([look.thumb.mean((0, 1)) for look in own], 0) for side, own in sides.items()}
    chroma = {side: colour - colour.mean() for side, colour in colours.items()}
    if float(np.linalg.norm(chroma["A"] - chroma["B"])) > COLOUR_GAP:
        named = {side: " ".join(f"{round(255 * level)}" for level in colour) for side, colour in colours.items()}
        yield Finding(
            "colour",
            "note",
            phase,
            f"the mean colours differ: red, green and blue of A are {named['A']}, of B {named['B']}, of 255.",
            "A generator will learn this difference first, also where it comes from the cameras alone.",
            _shown([own[0]] for own in sides.values()),
        )


def few_samples(count: int, noun: str, phase: str) -> Iterator[Finding]:
    """A training set that is small."""
    if phase == "train" and noun in ("pair", "image") and count < FEW_SAMPLES:
        yield Finding(
            "few",
            "note",
            phase,
            f"{counted(count, noun)} {'is' if count == 1 else 'are'} few: a few hundred are usual.",
            "--augment changes images at random; --init_from starts from a trained run.",
        )


def kinds_of(looks: Sequence[Look]) -> dict[str, int]:
    """How values are stored, the most frequent first."""
    return dict(Counter(look.kind for look in looks).most_common())


def _names(looks: Sequence[Look]) -> str:
    return listed(dict.fromkeys(quoted(look.path) for look in looks), MAX_NAMED)


def _shown(groups: Any) -> tuple[tuple[Path, ...], ...]:
    """The files of the first few groups, each once."""
    paths = [tuple(dict.fromkeys(look.path for look in group)) for group in groups]
    return tuple(dict.fromkeys(paths))[:SHOWN]
