"""Files beside the inputs that are copied beside the outputs, as annotations are."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from pixlate.data.folders import SYSTEM_NAMES
from pixlate.errors import DataError
from pixlate.util.content import file_digest
from pixlate.util.files import atomic_write, make_folder
from pixlate.util.foreign import open_file
from pixlate.util.text import quoted

from .inputs import Sources, parents
from .outputs import RESERVED, Job, output_name


@dataclass(frozen=True)
class Carried:
    """A file that is copied: its path, and its name in the folder of outputs, with "/" between names."""

    path: Path
    name: str


def plan_carried(patterns: Sequence[str], sources: Sources, folder: Path, jobs: Sequence[Job]) -> list[Carried]:
    """The files that match a pattern, `*.json`, in the folders of the inputs; for the folder of outputs.

    Of folders that were given all sub-folders are searched, of files that were given their own folder. Inputs and
    hidden files are none of them, nor are links that lead out of the folder of the inputs. Raises DataError where one
    would replace an output or another one.
    """
    if not patterns:
        return []
    inputs = {os.path.realpath(source.path) for source in sources.files}
    outputs = {job.name for job in jobs}
    carried: dict[str, Carried] = {}
    for path, place in _candidates(sources, folder):
        name = output_name(place, place.suffix)
        matches = any(fnmatchcase(place.name, pattern) or fnmatchcase(name, pattern) for pattern in patterns)
        if not matches or name in RESERVED or os.path.realpath(path) in inputs:
            continue
        other = carried.get(name)
        if name in outputs or (other is not None and not os.path.samefile(other.path, path)):
            what = "an output" if name in outputs else quoted(carried[name].path)
            raise DataError(f"{quoted(path)} cannot be carried to {quoted(folder / name)}: {what} has that name.")
        carried[name] = Carried(path, name)
    return list(carried.values())


def carry(files: Sequence[Carried], folder: Path) -> int:
    """Copy files, each whole; those that are there already with the same content are left. Returns their number."""
    for file in files:
        target = folder / file.name
        if target.is_file() and not target.is_symlink() and file_digest(target) == file_digest(file.path):
            continue
        make_folder(target.parent)
        with open_file(file.path) as original, atomic_write(target) as copy:
            shutil.copyfileobj(original, copy)
    return len(files)


def _candidates(sources: Sources, outputs: Path) -> Iterator[tuple[Path, PurePath]]:
    """The files beside the inputs, with their places."""
    for root in sources.folders:
        for current, folders, names in os.walk(root):  # links to folders are not followed
            folders[:] = sorted(name for name in folders if _is_own(name) and not _is(Path(current, name), outputs))
            place = PurePath(current).relative_to(root)
            yield from _files(Path(current), place, names, root)
    for folder, place, root in parents(source for source in sources.files if source.root not in sources.folders):
        yield from _files(folder, place, os.listdir(folder), root)


def _files(folder: Path, place: PurePath, names: Sequence[str], root: Path) -> Iterator[tuple[Path, PurePath]]:
    inside = os.path.realpath(root)
    for name in sorted(filter(_is_own, names)):
        path = folder / name
        if path.is_file() and Path(os.path.realpath(path)).is_relative_to(inside):
            yield path, place / name


def _is_own(name: str) -> bool:
    """Whether a name is neither hidden nor the operating system's."""
    return not name.startswith(".") and name.lower() not in SYSTEM_NAMES


def _is(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve()
