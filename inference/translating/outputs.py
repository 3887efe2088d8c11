"""What outputs are called: each input's place in the folder of outputs, with the suffix of its format."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Protocol

from pixlate.data.formats import has_image_extension
from pixlate.errors import DataError, OptionError
from pixlate.util.names import safe_name
from pixlate.util.owned import RECORD
from pixlate.util.text import quoted

from .inputs import Source, is_video

PROVENANCE = "provenance.jsonl"
RESERVED = (PROVENANCE, RECORD)
MAX_BYTES = 240  # of a name without its suffix: file systems allow 255


@dataclass(frozen=True)
class Job:
    """One file to translate, and where its output goes.

    - name: of the output, relative to the folder of outputs, with "/" between names; path: of the output.
    """

    source: Source
    name: str
    path: Path


def plan(sources: Sequence[Source], folder: Path, suffix_of: Callable[[Source], str]) -> list[Job]:
    """The output of each file in a folder. No two are equal, none is an input, and all lie in the folder.

    - suffix_of: the suffix of a file's output, ".png".

    Raises DataError, before anything is written, where this cannot be.
    """
    jobs: dict[str, Job] = {}
    for source in sources:
        name = output_name(source.place, suffix_of(source))
        other = jobs.get(name)
        if other is not None:
            raise DataError(
                f"{quoted(other.source.path)} and {quoted(source.path)} would both become {quoted(name)}: translate "
                "them into two folders, or keep their suffixes apart with --format same."
            )
        jobs[name] = Job(source, name, folder / name)
    _check_parents(jobs)
    require_no_input((job.path for job in jobs.values()), sources)
    return list(jobs.values())


def output_name(place: PurePath, suffix: str) -> str:
    """The name of an output by the place of its input; control characters become "_", and long names are cut."""
    parents = (safe_name(part, MAX_BYTES) for part in place.parent.parts)
    return "/".join([*parents, f"{safe_name(place.stem, MAX_BYTES)}{suffix}"])


def _check_parents(jobs: dict[str, Job]) -> None:
    """Raise DataError where one output would be a folder of another."""
    for job in jobs.values():
        above = next((jobs[str(parent)] for parent in PurePosixPath(job.name).parents if str(parent) in jobs), None)
        if above is not None:
            raise DataError(
                f"the outputs of {quoted(above.source.path)} and {quoted(job.source.path)} would be a file and a "
                f"folder of one name, {quoted(above.name)}: translate them into two folders."
            )


class HasPath(Protocol):
    """A file that is read."""

    @property
    def path(self) -> Path: ...


def require_no_input(outputs: Iterable[Path], read: Sequence[HasPath]) -> None:
    """Raise DataError where an output would replace a file that is read, also through links."""
    inputs = {os.path.realpath(file.path) for file in read}
    identities = {identity for file in read if (identity := _identity(file.path))}
    for output in outputs:
        if os.path.realpath(output) in inputs or _identity(output) in identities:
            raise DataError(f"the output {quoted(output)} would replace an input: choose another folder or name.")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def require_free(paths: Iterable[Path]) -> None:
    """Raise DataError where a file that is to be written exists."""
    existing = [path for path in paths if os.path.lexists(path)]
    if existing:
        others = f" and {len(existing) - 1} others exist" if len(existing) > 1 else " exists"
        raise DataError(
            f"{quoted(existing[0])}{others} already: --overwrite replaces outputs, --resume goes on with an earlier "
            "translation."
        )


def require_inside(folder: Path, names: Iterable[str]) -> None:
    """Raise DataError where a sub-folder of outputs is a link, which may lead anywhere."""
    parents = {parent for name in names for parent in PurePosixPath(name).parents if parent.name}
    for parent in sorted(parents):
        if (folder / parent).is_symlink():
            raise DataError(f"{quoted(folder / parent)} is a link, and outputs are not written through links.")


def single_output(sources: Sequence[Source], output: Path) -> bool:
    """Whether the output is one file rather than a folder: it has the suffix of an image or a video, and is no folder.

    Raises OptionError for one file of several inputs.
    """
    if output.is_dir() or not (has_image_extension(output.name) or is_video(output)):
        return False
    if len(sources) > 1:
        raise OptionError(f"-o {quoted(output)} is a file, and there are {len(sources)} inputs: name a folder.")
    return True
