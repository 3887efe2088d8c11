"""Which files are translated: files, folders with their sub-folders, and glob patterns that no shell has expanded."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from pixlate.data.folders import survey, why_no_images
from pixlate.data.formats import holds_image
from pixlate.data.inventory import NO_IMAGE, LeftOutList
from pixlate.errors import DataError
from pixlate.util.text import quoted

#: The files that are taken for videos, by their names.
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".ogv", ".wmv", ".flv")


@dataclass(frozen=True)
class Source:
    """One file to translate.

    - path: of the file.
    - place: its path relative to the folder that was given, which the output keeps; of a single file its name.
    - root: that folder; nothing beside the file is read from outside of it.
    """

    path: Path
    place: PurePath
    root: Path

    @property
    def is_video(self) -> bool:
        """Whether it is a video, by its name."""
        return is_video(self.path)


@dataclass
class Sources:
    """The files to translate, in the order in which they were given.

    - folders: those that were given.
    - left_out: what of these is not translated; problems: a sentence for each word that leads to no file.
    """

    files: list[Source] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    left_out: LeftOutList = field(default_factory=LeftOutList)
    problems: list[str] = field(default_factory=list)


def is_video(path: Path) -> bool:
    """Whether a file is taken for a video, by its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def find_sources(words: Sequence[str], *, outside: Path | None = None) -> Sources:
    """The files that words name; each file once.

    - words: files, folders, and patterns such as `photos/**/*.png`, for which a file of that very name comes first.
      Of folders and patterns what is no image is left out, as in the folders of a data set, and videos of folders too.
    - outside: a folder, that of the outputs, whose files are left out where it lies inside of a folder of inputs.
    """
    found = Sources()
    for word in words:
        path = Path(word).expanduser()
        try:
            if path.is_dir():
                _add_folder(found, path, outside)
            elif os.path.lexists(path) or not glob.has_magic(word):
                _add_file(found, path)
            else:
                _add_matches(found, word, outside)
        except DataError as error:
            found.problems.append(str(error))
    found.files = _each_once(found.files)
    return found


def _add_folder(found: Sources, folder: Path, outside: Path | None) -> None:
    survey_of_folder = survey(folder)
    images = [path for path in survey_of_folder.images if not _lies_in(path, outside, folder)]
    if not images:
        raise DataError(f"{why_no_images(folder)}.")
    found.folders.append(folder)
    found.left_out += survey_of_folder.left_out
    found.files += [Source(path, path.relative_to(folder), folder) for path in images]


def _add_file(found: Sources, path: Path) -> None:
    if not path.exists():
        raise DataError(f"there is no file or folder {quoted(path)}.")
    found.files.append(Source(path, PurePath(path.name), path.parent))


def _add_matches(found: Sources, pattern: str, outside: Path | None) -> None:
    """The images and videos that a pattern matches; their places are relative to the part of it without wildcards."""
    pattern = os.path.expanduser(pattern)
    root = _fixed_part(pattern)
    sources = []
    for match in sorted(glob.glob(pattern, recursive=True)):
        path = Path(match)
        if not path.is_file() or _lies_in(path, outside, root):
            continue
        if is_video(path) or _is_image(path):
            sources.append(Source(path, path.relative_to(root), root))
        else:
            found.left_out.add(NO_IMAGE, match)
    if not sources:
        raise DataError(f"no image or video matches {quoted(pattern)}.")
    found.files += sources


def _fixed_part(pattern: str) -> Path:
    """The folder that all matches of a pattern lie in: its parts before the first with a wildcard."""
    fixed: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _is_image(path: Path) -> bool:
    try:
        return holds_image(str(path))
    except OSError:
        return False


def _lies_in(path: Path, folder: Path | None, root: Path) -> bool:
    """Whether a file lies in a folder that is a sub-folder of the root."""
    if folder is None:
        return False
    inner = folder.resolve()
    return inner != root.resolve() and inner.is_relative_to(root.resolve()) and path.resolve().is_relative_to(inner)


def _each_once(sources: Iterable[Source]) -> list[Source]:
    """Without files that come a second time under the same name."""
    return list({(os.path.realpath(source.path), source.place): source for source in sources}.values())


def parents(sources: Iterable[Source]) -> Iterator[tuple[Path, PurePath, Path]]:
    """The folders in which files lie, each once, with their places and roots."""
    seen = {(source.path.parent, source.place.parent, source.root) for source in sources}
    yield from sorted(seen)
