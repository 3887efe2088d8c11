"""Matches the files of A with those of B: by their names, by their names without endings, or by their order."""

import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from pixlate.errors import DataError
from pixlate.util.text import counted, quoted

from .folders import what_is_there
from .inventory import SAME_STEM, LeftOutList
from .layouts import Couple

MAX_NAMED = 3


@dataclass(frozen=True)
class Matched:
    """Pairs of files, how they were paired ("by name"), and the files that were left out."""

    pairs: list[tuple[Path, Path]]
    how: str
    left_out: LeftOutList


class _File(NamedTuple):
    """A file: its path from the folder, the same in one Unicode form, that without the extension, and its path."""

    written: str
    name: str
    stem: str
    path: Path


def by_name(couple: Couple, A: Sequence[Path], B: Sequence[Path], hint: str = "") -> Matched:
    """Pairs of equal names, else of names that are equal without their extensions, in the order of A.

    A file whose stem equals that of a paired one is left out. Raises DataError for a file without a partner, which
    says what there is in its place, and for one with several; `hint` ends the sentence.
    """
    files_A, files_B = _files(couple.A, A), _files(couple.B, B)
    partners: dict[Path, Path] = {}
    stems: set[str] = set()
    for key in ("written", "name", "stem"):
        unique_A, unique_B = (_unique(files, attrgetter(key)) for files in (files_A, files_B))
        for name in unique_A.keys() & unique_B.keys():
            partners[unique_A[name].path] = unique_B[name].path
            stems.add(unique_A[name].stem)
        paired = {*partners, *partners.values()}
        files_A = [file for file in files_A if file.path not in paired]
        files_B = [file for file in files_B if file.path not in paired]
    left_out = LeftOutList()
    for file in (*files_A, *files_B):
        if file.stem in stems:
            left_out.add(SAME_STEM, str(file.path))
    files_A, files_B = ([file for file in files if file.stem not in stems] for files in (files_A, files_B))
    _refuse_several(files_A, files_B)
    _refuse_unmatched(couple.A, files_A, couple.B, hint)
    _refuse_unmatched(couple.B, files_B, couple.A, hint)
    return Matched([(path, partners[path]) for path in A if path in partners], "by name", left_out)


def by_ending(couple: Couple, A: Sequence[Path], B: Sequence[Path]) -> Matched | None:
    """Pairs of two folders whose names are equal without the ending that all names of a folder share.

    An ending starts with "_", "-", "." or a space and a letter: "1_A" and "1_B", "x_photo" and "x_label". None where
    the folders have no endings, or the rest of the names does not match.
    """
    files_A, files_B = _files(couple.A, A), _files(couple.B, B)
    ending_A, ending_B = _ending(files_A), _ending(files_B)
    if not (ending_A or ending_B):
        return None
    names_A = {file.stem.removesuffix(ending_A): file.path for file in files_A}
    names_B = {file.stem.removesuffix(ending_B): file.path for file in files_B}
    if names_A.keys() != names_B.keys() or (len(names_A), len(names_B)) != (len(A), len(B)):
        return None
    how = f"by name without {' and '.join(quoted(ending) for ending in (ending_A, ending_B) if ending)}"
    return Matched([(path, names_B[name]) for name, path in names_A.items()], how, LeftOutList())


def in_one_folder(folder: Path, paths: Sequence[Path]) -> tuple[Matched, list[Path]] | None:
    """Pairs "1_A" and "1_B" in one folder, and the other files; None where a file of a pair lacks its partner."""
    sides: dict[str, dict[str, Path]] = {"A": {}, "B": {}}
    others = []
    for file in _files(folder, paths):
        match = re.fullmatch(r"(.*[^/\\])[-_. ]([ABab])", file.stem)
        if match and match[1] not in sides[match[2].upper()]:
            sides[match[2].upper()][match[1]] = file.path
        else:
            others.append(file.path)
    if not sides["A"] or sides["A"].keys() != sides["B"].keys():
        return None
    pairs = [(path, sides["B"][name]) for name, path in sides["A"].items()]
    return Matched(pairs, "by name without '_A' and '_B'", LeftOutList()), others


def by_order(couple: Couple, A: Sequence[Path], B: Sequence[Path]) -> Matched:
    """The first file of A with the first of B, and so on, in the order of their names.

    Raises DataError for folders of unequal numbers, and for names whose order is not the same as text and by the
    numbers in them, so that they would be paired in two ways.
    """
    if len(A) != len(B):
        raise DataError(
            f"--pair_by order needs as many files of A as of B, but there are {len(A)} in {quoted(couple.A)} and "
            f"{len(B)} in {quoted(couple.B)}."
        )
    pairs = list(zip(A, B, strict=True))
    by_numbers = zip(sorted(A, key=_with_long_numbers), sorted(B, key=_with_long_numbers), strict=True)
    other = set(by_numbers) - set(pairs)
    if other:
        path = min(path for path, _ in other)
        first, second = dict(pairs)[path], dict(other)[path]
        raise DataError(
            f"--pair_by order would pair {quoted(path)} with {quoted(first)} by the order of the names as text, and "
            f"with {quoted(second.name)} by the numbers in them: give all numbers of a folder equally many digits."
        )
    return Matched(pairs, "by the order of their names", LeftOutList())


def _files(folder: Path, paths: Sequence[Path]) -> list[_File]:
    prefix = f"{folder}{os.sep}"
    files = []
    for path in paths:
        written = str(path).removeprefix(prefix)
        # Of the same letters there are a composed form and a decomposed one, which macOS writes into archives.
        name = unicodedata.normalize("NFC", written)
        files.append(_File(written, name, os.path.splitext(name)[0], path))
    return files


def _unique(files: Sequence[_File], key: Callable[[_File], str]) -> dict[str, _File]:
    """The files by key, without those that share theirs."""
    by_key: dict[str, list[_File]] = {}
    for file in files:
        by_key.setdefault(key(file), []).append(file)
    return {name: files[0] for name, files in by_key.items() if len(files) == 1}


def _refuse_several(files_A: Sequence[_File], files_B: Sequence[_File]) -> None:
    for files, others in ((files_A, files_B), (files_B, files_A)):
        stems = {file.stem for file in others}
        seen: dict[str, _File] = {}
        for file in files:
            if file.stem in seen and file.stem in stems:
                raise DataError(
                    f"{quoted(seen[file.stem].path)} and {quoted(file.path)} differ only in their extensions: remove "
                    "one, so that the pair is unambiguous."
                )
            seen[file.stem] = file


def _refuse_unmatched(folder: Path, files: Sequence[_File], other: Path, hint: str) -> None:
    if not files:
        return
    named = [f"{quoted(Path(file.name))}{_in_place_of(file, other)}" for file in files[:MAX_NAMED]]
    more = f" and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else ""
    raise DataError(
        f"{counted(len(files), 'image')} in {quoted(folder)} without a partner in {quoted(other)}: "
        f"{', '.join(named)}{more}. The two files of a pair must have the same name, extensions aside{hint}."
    )


def _in_place_of(file: _File, other: Path) -> str:
    there = what_is_there(other, file.stem)
    return f" (there, {there})" if there else ""


def _ending(files: Sequence[_File]) -> str:
    """The longest ending that the stems share and that starts with a separator and a letter."""
    reversed_stems = [file.stem[::-1] for file in files]
    ends = zip(min(reversed_stems, default=""), max(reversed_stems, default=""), strict=False)
    common = "".join(letter for letter, _ in takewhile(lambda both: both[0] == both[1], ends))[::-1]
    match = re.search(r"[-_. ][^\W\d_].*", common.rpartition(os.sep)[2], re.DOTALL)
    return match[0] if match else ""


def _with_long_numbers(path: Path) -> str:
    """The path with all numbers filled with zeros: sorted by it, "a2" comes before "a10"."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(30), str(path))
