"""Checks every image's header before a run starts, so that the run does not fail hours later."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions
from pixlate.util.sizes import SideRule
from pixlate.util.text import counted, listed, quoted

from .base import BaseDataset
from .batches import check_bad_images
from .image_dataset import ImageDataset, Source
from .reading import BadImageError, Header
from .reading_report import ReadingReport
from .shapes import is_pair_shape
from .transforms import Size

log = logging.getLogger(__name__)

THREADS = 8  # reading headers waits for the disk, or the network
MAX_NAMED = 3  # files named in a message
UNEQUAL = 3  # times as many images in one of two domains as in the other, from which on it is said
ODD_ONES_IN = 10  # files, of which one has another shape than pairs side by side have, may be no pairs


def check_dataset(
    dataset: BaseDataset[Any],
    options: DataOptions,
    networks: Mapping[str, object] | None = None,
    *,
    same_size: bool = True,
) -> list[str]:
    """Check the headers of a data set's images; returns a message for each file that will be skipped.

    The attributes `size_multiple` and `minimum_size` of `networks` tell which sizes they accept; unless outputs must
    have the `same_size` as inputs, as losses need, networks that round sizes up accept others too. Files among pairs
    side by side that have another shape than the others are warned about. Raises DataError, with the number of files
    and the first few names, for

    - files that cannot be read, unless `--on_bad_image` is skip and they are at most `--max_bad_images`;
    - images smaller than the crop, and pairs of images that differ in size;
    - sizes that a network does not accept, and different sizes if a batch has several images.
    """
    if not isinstance(dataset, ImageDataset):
        return []
    findings, reading = _Findings(), ReadingReport()
    with ThreadPoolExecutor(THREADS) as pool:
        headers = pool.map(lambda group: _headers(dataset, group), dataset.groups)
        for group, described in zip(dataset.groups, headers, strict=True):
            if isinstance(described, BadImageError):
                findings.bad[described.path] = str(described)
            else:
                reading.add(group, [header for header, _ in described])
                findings.add(dataset, group, [size for _, sizes in described for size in sizes])
    total = len(dataset.files())
    _check_readable(findings.bad, total, options)
    _check_sizes(findings, total, options)
    _check_networks(findings.final, SideRule.of((networks or {}).values(), same_size=same_size))
    reading.report(dataset)
    if 0 < ODD_ONES_IN * len(findings.narrow) <= total:
        log.warning(
            f"{len(findings.narrow)} of {counted(total, 'file')} with A and B side by side may be no pair, because the "
            f"others are about twice as wide as high: {listed(findings.narrow, MAX_NAMED)}."
        )
    _compare_domains(dataset)
    return list(findings.bad.values())


def _compare_domains(dataset: ImageDataset[Any]) -> None:
    """Log how often the images of the smaller of two unpaired domains are drawn, where it is much smaller."""
    counts = Counter(group[0].sides for group in dataset.groups if len(group) == 1)
    if counts.keys() != {("A",), ("B",)}:
        return
    ((more,), most), ((fewer,), least) = counts.most_common()
    if most > UNEQUAL * least:
        log.info(
            f"{more} has {most} images and {fewer} {least}: in an epoch each image of {more} is drawn once, each of "
            f"{fewer} about {most / least:.1f} times."
        )


@dataclass
class _Findings:
    """The files with each kind of problem, and the sizes of the tensors of A and B, with an example for each."""

    bad: dict[str, str] = field(default_factory=dict)  # messages by path
    small: list[str] = field(default_factory=list)
    smallest_side: int = 0  # of the small images, after resizing
    unequal: list[str] = field(default_factory=list)
    final: dict[str, dict[Size, str]] = field(default_factory=lambda: {"A": {}, "B": {}})
    narrow: list[str] = field(default_factory=list)  # files with both sides that are not twice as wide as high

    def add(self, dataset: ImageDataset[Any], group: tuple[Source, ...], sizes: list[Size]) -> None:
        transforms = [dataset.transform_of(side) for source in group for side in source.sides]
        name = quoted(group[0].path)
        if len(group) == 1 and len(sizes) == 2 and not is_pair_shape(whole := (sizes[0][0] + sizes[1][0], sizes[0][1])):
            self.narrow.append(f"{name} ({_times(whole)})")
        sides = (side for source in group for side in source.sides)
        for side, transform, size in zip(sides, transforms, sizes, strict=True):
            if not transform.fits(size):
                shorter_side = min(transform.resized(size))
                self.smallest_side = min(self.smallest_side or shorter_side, shorter_side)
                self.small.append(f"{name} ({_times(size)})")
                return
            self.final.setdefault(side, {}).setdefault(transform.final(size), name)
        resized = [(transform, transform.resized(size)) for transform, size in zip(transforms, sizes, strict=True)]
        if len({tuple(side / transform.scale for side in size) for transform, size in resized}) > 1:
            self.unequal.append(f"{name} ({' and '.join(_times(size) for size in sizes)})")


def _headers(dataset: ImageDataset[Any], group: Sequence[Source]) -> list[tuple[Header, list[Size]]] | BadImageError:
    """The header of each file of a group, with the sizes of its images; the error of the first unreadable one."""
    try:
        headers = [dataset.header(source) for source in group]
        return [(header, dataset.sizes(source, header)) for source, header in zip(group, headers, strict=True)]
    except BadImageError as error:
        return error


def _check_readable(bad: Mapping[str, str], total: int, options: DataOptions) -> None:
    if len(bad) == 1 and options.on_bad_image == "stop":
        raise DataError(f"{next(iter(bad.values()))} Repair or remove it, or use --on_bad_image skip.")
    if bad and options.on_bad_image == "stop":
        raise DataError(
            f"{len(bad)} of {counted(total, 'image')} cannot be read: {listed(map(quoted, bad), MAX_NAMED)}. "
            f"{next(iter(bad.values()))} Repair or remove them, or use --on_bad_image skip."
        )
    if bad and len(bad) == total:
        raise DataError(f"none of {counted(total, 'image')} can be read. {next(iter(bad.values()))}")
    check_bad_images(bad, options.max_bad_images)


def _check_sizes(findings: _Findings, total: int, options: DataOptions) -> None:
    if findings.small:
        raise DataError(
            f"{len(findings.small)} of {counted(total, 'image')} {'is' if len(findings.small) == 1 else 'are'} smaller "
            f"than --crop_size {options.crop_size}: {listed(findings.small, MAX_NAMED)}. "
            f"Use --crop_size {findings.smallest_side} or less, or --preprocess resize_and_crop."
        )
    if findings.unequal:
        raise DataError(
            f"A and B of {counted(len(findings.unequal), 'pair')} differ in size: "
            f"{listed(findings.unequal, MAX_NAMED)}. "
            "Make them equal, use --preprocess resize_and_crop, or declare that B is larger: --field B=scale:2."
        )
    for sizes in findings.final.values():
        if len(sizes) > 1 and options.batch_size > 1:
            examples = [f"{name} becomes {_times(size)}" for size, name in sizes.items()]
            raise DataError(
                f"images of different sizes cannot share a batch: {listed(examples, 2)}. Use --batch_size 1, or "
                "--preprocess resize_and_crop."
            )


def _check_networks(final: Mapping[str, Mapping[Size, str]], rule: SideRule) -> None:
    for sizes in final.values():
        for size, name in sizes.items():
            if not rule.fits(*size):
                raise DataError(
                    f"{name} becomes {_times(size)}, but the networks need sides that are {rule}: use --crop_size "
                    f"{rule.nearest(min(size))} with --preprocess resize_and_crop, or another --netG or --netD."
                )


def _times(size: Size) -> str:
    return f"{size[0]} x {size[1]}"
