"""Finds image files in folders. Errors tell what was expected and what the folder contains."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pixlate.errors import DataError, OptionError
from pixlate.util.text import either, listed, quoted

from .reading import EXTENSIONS, StrPath

USUAL_PHASES = ("val", "test", "train")  # suggested before others


def is_image(name: str) -> bool:
    """Whether a file's name has the extension of an image; "._*", in which macOS stores metadata, are excluded."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith("._")


def find_images(folder: Path, limit: int | None = None) -> list[Path]:
    """The image files in a folder and its sub-folders in the order of the reference, at most `limit`.

    Links to folders are followed, but each folder is visited once, so that loops of links end. Raises DataError for a
    folder that cannot be listed.
    """
    # As in the reference, the limit is applied in the order of a walk, and the result sorted by path as plain strings.
    paths = sorted(_walk(folder), key=lambda path: path.split(os.sep))[:limit]
    return [Path(path) for path in sorted(paths)]


def holds_images(folder: Path) -> bool:
    """Whether the folder exists and has an image in it or in its sub-folders."""
    return folder.is_dir() and next(_walk(folder), None) is not None


def has_own_images(folder: Path) -> bool:
    """Whether there are images directly in the folder, sub-folders excluded."""
    return any(is_image(entry.name) and _holds(entry.is_file) for entry in _entries(folder))


def images_of(folder: Path, limit: int | None, error: Callable[[str], DataError]) -> list[Path]:
    """The images in a folder. If there are none, raises `error(problem)`, with the problem of `why_no_images`."""
    paths = find_images(folder, limit) if folder.is_dir() else []
    if not paths:
        raise error(why_no_images(folder))
    return paths


def why_no_images(folder: Path) -> str:
    """The reason why no images were found in a folder, as half a sentence."""
    if folder.is_dir():
        return f"{quoted(folder)} has no images ({either(EXTENSIONS)})"
    return f"{quoted(folder)} is a file" if folder.exists() else f"there is no folder {quoted(folder)}"


def missing_images(problem: str, expected: str, dataroot: Path, phases: Sequence[str], hint: str = "") -> DataError:
    """The error for missing images: the problem, what was expected, what the data root contains, what to do.

    `phases` are those that could be used instead; `hint` replaces the suggestion to use one of them.
    """
    names = [name for name in folders_in(dataroot) if holds_images(dataroot / name)]
    contents = (
        f"{quoted(dataroot)} has {listed(names, 8)}" if names else f"{quoted(dataroot)} has no folder with images"
    )
    likely = [
        *(name for name in USUAL_PHASES if name in phases),
        *(name for name in phases if name not in USUAL_PHASES),
    ]
    advice = hint or (f"try --phase {either(likely[:3])}" if likely else "")
    return DataError(f"{problem}; {expected}. {contents}{': ' + advice if advice else ''}.")


def dataroot_of(text: str) -> Path:
    """The folder that `--dataroot` names; "demo" draws the demo data first.

    Raises OptionError if none is named, DataError if there is no such folder.
    """
    if not text:
        raise OptionError("--dataroot is missing: give the folder of the images, or 'demo'.")
    if text == "demo":
        from pixlate.data.demo.demo import demo_folder  # imported only when needed

        return demo_folder()
    folder = Path(text)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise DataError(f"--dataroot {quoted(folder)} is a file; it must be the folder of the images.")
    from pixlate.data.download.catalogue import DATASETS

    known = folder.name in DATASETS
    advice = f"'pixlate download {folder.name}' fetches it" if known else "check the path, or use --dataroot demo"
    raise DataError(f"--dataroot {quoted(folder)} does not exist: {advice}.")


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted."""
    return sorted(entry.name for entry in _entries(folder) if _holds(entry.is_dir))


def sided_phases(dataroot: Path) -> list[str]:
    """The phases that have two folders, <phase>A and <phase>B, with images in both."""
    names = {name for name in folders_in(dataroot) if holds_images(dataroot / name)}
    return sorted(name[:-1] for name in names if len(name) > 1 and name[-1] == "A" and name[:-1] + "B" in names)


def plain_phases(dataroot: Path) -> list[str]:
    """The phases that have one folder, <phase>, with images."""
    sided = {phase + side for phase in sided_phases(dataroot) for side in "AB"}
    return [name for name in folders_in(dataroot) if name not in sided and holds_images(dataroot / name)]


def _walk(folder: Path) -> Iterator[str]:
    """The paths of all images below a folder: those of a folder by name, then those of its sub-folders by name."""
    visited: set[tuple[int, int]] = set()
    pending = [str(folder)]
    while pending:
        current = pending.pop()
        identity = _identity(current)
        if identity in visited:
            continue
        visited.add(identity)
        sub_folders: list[str] = []
        for entry in sorted(_entries(current), key=lambda entry: entry.name):
            if _holds(entry.is_dir):
                sub_folders.append(entry.path)
            elif is_image(entry.name) and _holds(entry.is_file):
                yield entry.path
        pending += reversed(sub_folders)  # the last is visited first


def _entries(folder: StrPath) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise _cannot_list(folder, error) from None


def _identity(folder: StrPath) -> tuple[int, int]:
    """Device and inode, which are the same for a folder and for every link to it."""
    try:
        status = os.stat(folder)
    except OSError as error:
        raise _cannot_list(folder, error) from None
    return status.st_dev, status.st_ino


def _cannot_list(folder: StrPath, error: OSError) -> DataError:
    return DataError(f"cannot list the folder {quoted(folder)}: {error.strerror or error}.")


def _holds(test: Callable[[], bool]) -> bool:
    """The result of `is_file` or `is_dir`; False for a link that leads to itself, for which they raise OSError."""
    try:
        return test()
    except OSError:
        return False
