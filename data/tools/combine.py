"""Pairs of files in two folders become files with A and B side by side, and back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pixlate.data.layouts import Couple
from pixlate.data.matching import by_ending, by_name, by_order
from pixlate.data.reading import BadImageError
from pixlate.errors import DataError
from pixlate.util.text import quoted

from . import images
from .output import Report, Summary, images_in, input_folder, named, output_folder, process

PairedBy = Literal["auto", "stem", "suffix", "order"]


@dataclass(frozen=True)
class CombineOptions:
    """How pairs are found and written.

    - resize: B is given the size of A, with `nearest` without interpolation, as labels need.
    - limit: of the number of pairs in each folder of A; None takes all.
    """

    pair_by: PairedBy = "auto"
    resize: bool = False
    nearest: bool = False
    format: str = "png"
    limit: int | None = None
    overwrite: bool = False
    skip_bad: bool = False


def pairs_of(A: Path, B: Path, pair_by: PairedBy) -> list[tuple[Path, Path, Path]]:
    """The files of each pair, and the path of the pair relative to A, without an extension.

    Raises DataError where there are none, and where a file has no partner.
    """
    couple = Couple(input_folder(A), input_folder(B))
    files_A, files_B = images_in(couple.A), images_in(couple.B)
    ending = by_ending(couple, files_A, files_B) if pair_by in ("auto", "suffix") else None
    if pair_by == "suffix" and ending is None:
        raise DataError(f"the names in {couple} are not equal without an ending, such as '1_A' and '1_B'.")
    matched = ending
    if matched is None:
        by_order_hint = "; to pair files by their order, use --pair_by order" if len(files_A) == len(files_B) else ""
        matched = (
            by_order(couple, files_A, files_B)
            if pair_by == "order"
            else by_name(couple, files_A, files_B, by_order_hint)
        )
    pairs = []
    for a, b in matched.pairs:
        name = a.relative_to(couple.A).with_suffix("")
        pairs.append((a, b, name.with_name(name.name.removesuffix("_A")) if ending else name))
    return pairs


def combine(A: Path, B: Path, output: Path, options: CombineOptions, report: Report) -> Summary:
    """Write a file for each pair into the output folder, in sub-folders as in A.

    Raises DataError for pairs that do not match, BadImageError for images that cannot be read or joined.
    """
    pairs = pairs_of(A, B, options.pair_by)
    if options.limit is not None:
        counts: dict[Path, int] = {}
        pairs = [pair for pair in pairs if _counted(counts, pair[2].parent) <= options.limit]
    folder = output_folder(output, [A, B], overwrite=options.overwrite)

    def write(pair: tuple[Path, Path, Path]) -> None:
        path_A, path_B, name = pair
        a, b = images.read(path_A), images.read(path_B)
        if images.size_of(a) != images.size_of(b):
            if not options.resize:
                sizes = " and ".join(f"{width} x {height}" for width, height in map(images.size_of, (a, b)))
                raise BadImageError.of(
                    path_A, f"it and {quoted(path_B)} differ in size, {sizes}: --resize gives B the size of A"
                )
            b = images.resized(b, images.size_of(a), nearest=options.nearest, path=path_B)
        images.save(images.joined(a, b, path_A), folder / name, images.SUFFIXES[options.format])

    return process(pairs, write, skip_bad=options.skip_bad, report=report)


def separate(pairs: Path, output: Path, options: CombineOptions, report: Report) -> Summary:
    """Write the halves of files with A and B side by side into A/ and B/ of the output folder, under equal names.

    Raises DataError where there are no images, BadImageError for one that cannot be read.
    """
    source = input_folder(pairs)
    files = images_in(source)
    folder = output_folder(output, [source], overwrite=options.overwrite)

    def write(file: tuple[Path, Path]) -> None:
        path, name = file
        content = images.read(path)
        if images.size_of(content)[0] < 2:
            raise BadImageError.of(path, "it is too narrow for A and B side by side")
        # A/<phase> and B/<phase>, which a training reads.
        for side, half in zip("AB", images.halves(content), strict=True):
            images.save(half, folder / side / name, images.SUFFIXES[options.format])

    return process(named(files, source), write, skip_bad=options.skip_bad, report=report)


def _counted(counts: dict[Path, int], folder: Path) -> int:
    counts[folder] = counts.get(folder, 0) + 1
    return counts[folder]
