"""Finds the pairs of a phase: which layout the files have, by their names, folders and shapes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from pixlate.errors import DataError
from pixlate.util.text import counted, listed, quoted

from .folders import Found, first, folders_in, survey, why_no_images
from .image_dataset import Source
from .inventory import BESIDE_PAIRS, Inventory, LeftOutList, Place, shown
from .layouts import INPUTS, TARGETS, Couple, couples, missing_images, plain_phases, sided_phases, where_pairs_go
from .matching import Matched, by_ending, by_name, by_order, in_one_folder
from .plugin import PairBy
from .reading import image_size
from .shapes import has_pair_shape, single_photographs

EXPECTED = "pairs are read from files with A left and B right, or from two folders A and B with files of equal names"
STRAYS = 2  # fewer images than one for so many pairs are strays beside the pairs
REMAINDER = 10  # fewer files side by side than one for so many pairs in two folders may not be the data


@dataclass(frozen=True)
class Pairs:
    """The files of each pair, one or two, and what was found."""

    groups: Sequence[tuple[Source, ...]]
    inventory: Inventory


def find_pairs(root: Path, phase: str, pair_by: PairBy = "auto", limit: int | None = None) -> Pairs:
    """The pairs of a phase, at most `limit`.

    Raises DataError if there are none, if names do not match, and, with "auto", if the files can be read in two ways.
    """
    pairs = _all_pairs(root, phase, pair_by)
    if limit is None or limit >= len(pairs.groups):
        return pairs
    taken = set(first([group[0].path for group in pairs.groups], limit))
    groups = [group for group in pairs.groups if group[0].path in taken]
    return Pairs(groups, replace(pairs.inventory, used=limit))


def _all_pairs(root: Path, phase: str, pair_by: PairBy) -> Pairs:
    folder = root / phase
    found = survey(folder) if folder.is_dir() else Found([], LeftOutList())
    couple = next(couples(root, phase), None)
    if pair_by == "side_by_side" and found.images:
        return _side_by_side(folder, found, couple)
    if couple is not None and pair_by != "side_by_side" and not (pair_by == "auto" and found.images):
        return _in_two_folders(folder, found, couple, pair_by)
    if pair_by in ("stem", "order"):
        phases = [*plain_phases(root), *sided_phases(root)]
        raise missing_images(f"'{phase}' has no two folders with A and B", EXPECTED, root, phases)
    if not found.images:
        _refuse_no_pairs(root, phase)
    if pair_by == "suffix":
        return _in_one_folder(folder, found)
    return _by_evidence(folder, found, couple)


def _by_evidence(folder: Path, found: Found, couple: Couple | None) -> Pairs:
    """The pairs of a folder that has images, by what the names of files and folders and the shapes of images tell."""
    if couple is not None and couple.inside:
        strays = _beside(found.images, couple)
        pairs = len(found.images) - len(strays)  # of images in two folders: twice the pairs
        if strays and 2 * STRAYS * len(strays) >= pairs and not single_photographs(strays):
            _refuse_two_readings(folder, strays, f"the files in {couple}", "stem")
        return _in_two_folders(folder, found, couple, "auto")
    singles = single_photographs(found.images)
    if couple is not None and singles:
        return _in_two_folders(folder, found, couple, "auto")
    if couple is not None and _count(folder, found, couple) > REMAINDER * len(found.images):
        _refuse_two_readings(folder, found.images, f"the files in {couple}", "stem")
    suffixed = in_one_folder(folder, found.images)
    if suffixed is not None and STRAYS * len(suffixed[1]) < len(suffixed[0].pairs):
        if not singles and has_pair_shape(found.images[0]):
            _refuse_two_readings(folder, found.images, "files '…_A' and '…_B'", "suffix")
        return _in_one_folder(folder, found)
    if singles or _has_unclear_sides(folder):
        _refuse_halves(folder, singles)
    return _side_by_side(folder, found, couple)


def _side_by_side(folder: Path, found: Found, couple: Couple | None) -> Pairs:
    """The pairs in single files. A couple of folders is not read, where there are other images."""
    images = (_beside(found.images, couple) if couple is not None else []) or found.images
    unread = (f"{shown(couple.A)} and {shown(couple.B)}",) if couple is not None and images is not found.images else ()
    groups = [(Source(path, ("A", "B")),) for path in images]
    places, left_out = (Place(folder, len(groups)),), found.left_out.counts()
    return Pairs(groups, Inventory(len(groups), "pair", places, "side by side", unread=unread, left_out=left_out))


def _in_two_folders(folder: Path, found: Found, couple: Couple, pair_by: PairBy) -> Pairs:
    """The pairs of files in a couple of folders; images in the phase's folder, but in neither of the two, are left out.

    - found: in the phase's folder.
    """
    A, B = survey(couple.A), survey(couple.B)
    if not A.images and not B.images:
        raise DataError(f"{couple} have no images.")
    matched = _matched(couple, A.images, B.images, pair_by)
    strays = LeftOutList()
    for path in _beside(found.images, couple):
        strays.add(BESIDE_PAIRS, str(path))
    others = found.left_out if couple.inside else A.left_out + B.left_out
    places = (Place(couple.A, len(A.images), "A"), Place(couple.B, len(B.images), "B"))
    return _of(matched, places, others + matched.left_out + strays)


def _in_one_folder(folder: Path, found: Found) -> Pairs:
    """The pairs "1_A" and "1_B" in one folder; images with other names are left out."""
    both = in_one_folder(folder, found.images)
    if both is None:
        raise DataError(
            f"--pair_by suffix needs pairs of files such as '1_A.jpg' and '1_B.jpg' in {quoted(folder)}, each with "
            "its partner, or two folders A and B."
        )
    matched, others = both
    strays = LeftOutList()
    for path in others:
        strays.add(BESIDE_PAIRS, str(path))
    return _of(matched, (Place(folder, len(found.images)),), found.left_out + strays)


def _of(matched: Matched, places: tuple[Place, ...], left_out: LeftOutList) -> Pairs:
    groups = [(Source(A, ("A",)), Source(B, ("B",))) for A, B in matched.pairs]
    return Pairs(groups, Inventory(len(groups), "pair", places, matched.how, left_out=left_out.counts()))


def _matched(couple: Couple, A: Sequence[Path], B: Sequence[Path], pair_by: PairBy) -> Matched:
    if pair_by == "order":
        return by_order(couple, A, B)
    if pair_by in ("auto", "suffix"):
        suffixed = by_ending(couple, A, B)
        if suffixed is not None:
            return suffixed
    if pair_by == "suffix":
        raise DataError(
            f"--pair_by suffix needs names that are equal without an ending, such as '1_A.jpg' and '1_B.jpg', in "
            f"{couple}."
        )
    unpaired = "" if couple.inside else "; for images that are not pairs, use --dataset_mode unaligned"
    by_order_hint = "; to pair files by their order, use --pair_by order" if len(A) == len(B) else ""
    return by_name(couple, A, B, by_order_hint + unpaired)


def _beside(images: Sequence[Path], couple: Couple) -> list[Path]:
    """The images that are in neither folder of a couple."""
    inside = tuple(f"{folder}{os.sep}" for folder in (couple.A, couple.B))
    return [path for path in images if not str(path).startswith(inside)]


def _count(folder: Path, found: Found, couple: Couple) -> int:
    """The number of pairs in a couple of folders; 0 where they hold no pairs."""
    try:
        return len(_in_two_folders(folder, found, couple, "auto").groups)
    except DataError:
        return 0


def _has_unclear_sides(folder: Path) -> bool:
    """Whether a folder has sub-folders with names of inputs and of targets, but several of either."""
    names = {name.lower() for name in folders_in(folder)}
    return bool(names & INPUTS and names & TARGETS)


def _refuse_no_pairs(root: Path, phase: str) -> NoReturn:
    phases = [*plain_phases(root), *sided_phases(root)]
    if "A" in phases and "B" in phases:  # the layout A/<phase> and B/<phase>
        phases = folders_in(root / "A")
    raise missing_images(why_no_images(root / phase), EXPECTED, root, phases, where_pairs_go(root, phase))


def _refuse_two_readings(folder: Path, images: Sequence[Path], other: str, pair_by: PairBy) -> NoReturn:
    raise DataError(
        f"there are two ways to read pairs: {counted(len(images), 'file')} in {quoted(folder)} with A and B side by "
        f"side ({quoted(images[0].name)}), or {other}. Choose with --pair_by side_by_side or --pair_by {pair_by}."
    )


def _refuse_halves(folder: Path, singles: Sequence[Path]) -> NoReturn:
    folders = folders_in(folder)
    if singles:
        width, height = image_size(singles[0])
        example = f"{quoted(singles[0].name)}, {width} x {height}, goes on across its middle"
        reason = f"the images in {quoted(folder)} look like single photographs ({example})"
    else:
        reason = f"several folders in {quoted(folder)} may hold A and B"
    found = f" (there are {listed(folders, 4)})" if folders else ""
    raise DataError(
        f"{reason}: to cut each file into A, its left half, and B, choose --pair_by side_by_side; to pair files of "
        f"equal names in two folders, name these A and B{found}."
    )
