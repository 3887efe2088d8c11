"""Finds image files in folders. Errors tell what was expected and what the folder holds."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pixlate.errors import DataError, OptionError
from pixlate.util.text import either, listed, quoted

from .reading import EXTENSIONS, StrPath

PHASES_FIRST = ("val", "test", "train")  # suggested before others


def is_image(name: str) -> bool:
    """Whether a file's name ends as an image's does; the hidden companions that macOS writes do not count."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith("._")


def find_images(folder: Path, limit: int | None = None) -> list[Path]:
    """All image files below a folder, sub-folders included, in the reference's order: at most `limit`.

    Links to folders are followed, each real folder once, so that a loop of links does no harm. Raises DataError
    for a folder that cannot be listed.
    """
    # The limit applies folder by folder, before paths are compared as plain strings: the reference's order.
    paths = sorted(_walk(folder), key=lambda path: path.split(os.sep))[:limit]
    return [Path(path) for path in sorted(paths)]


def holds_images(folder: Path) -> bool:
    """Whether there is such a folder, with an image in it or in its sub-folders."""
    return folder.is_dir() and next(_walk(folder), None) is not None


def has_own_images(folder: Path) -> bool:
    """Whether the folder itself, its sub-folders aside, holds images."""
    return any(is_image(entry.name) and _is(entry.is_file) for entry in _entries(folder))


def images_of(folder: Path, limit: int | None, error: Callable[[str], DataError]) -> list[Path]:
    """The images in one folder. Where there are none, raises `error(problem)`, the problem being half a sentence."""
    if folder.is_dir():
        paths = find_images(folder, limit)
        if paths:
            return paths
        raise error(f"{quoted(folder)} holds no images ({either(EXTENSIONS)})")
    raise error(f"{quoted(folder)} is a file" if folder.exists() else f"there is no folder {quoted(folder)}")


def missing(problem: str, expected: str, dataroot: Path, phases: Sequence[str], hint: str = "") -> DataError:
    """The error for missing images: the problem, what was expected, what the data root holds, what to do."""
    names = [name for name in folders_in(dataroot) if holds_images(dataroot / name)]
    contents = (
        f"{quoted(dataroot)} has {listed(names, 8)}" if names else f"{quoted(dataroot)} has no folder with images"
    )
    likely = [
        *(name for name in PHASES_FIRST if name in phases),
        *(name for name in phases if name not in PHASES_FIRST),
    ]
    advice = hint or (f"try --phase {either(likely[:3])}" if likely else "")
    return DataError(f"{problem}; {expected}. {contents}{': ' + advice if advice else ''}.")


def dataroot_of(text: str) -> Path:
    """The folder that `--dataroot` names; "demo" draws the demo data first.

    Raises OptionError when none is named, DataError when there is no such folder.
    """
    if not text:
        raise OptionError("--dataroot is missing: name the folder that holds the images, or 'demo'.")
    if text == "demo":
        from pixlate.data.demo.demo import demo_folder

        return demo_folder()
    folder = Path(text)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise DataError(f"--dataroot {quoted(folder)} is a file; it must be the folder that holds the images.")
    from pixlate.data.download.catalogue import DATASETS

    known = folder.name in DATASETS
    advice = f"'pixlate download {folder.name}' fetches it" if known else "check the path, or use --dataroot demo"
    raise DataError(f"--dataroot {quoted(folder)} does not exist: {advice}.")


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted."""
    return sorted(entry.name for entry in _entries(folder) if _is(entry.is_dir))


def sided_phases(dataroot: Path) -> list[str]:
    """The phases that lie in two folders each, <phase>A and <phase>B, with images in both."""
    names = {name for name in folders_in(dataroot) if holds_images(dataroot / name)}
    return sorted(name[:-1] for name in names if len(name) > 1 and name[-1] == "A" and name[:-1] + "B" in names)


def plain_phases(dataroot: Path) -> list[str]:
    """The phases that lie in one folder each."""
    sided = {phase + side for phase in sided_phases(dataroot) for side in "AB"}
    return [name for name in folders_in(dataroot) if name not in sided and holds_images(dataroot / name)]


def _walk(folder: Path) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()
    waiting = [str(folder)]
    while waiting:
        current = waiting.pop()
        identity = _identity(current)
        if identity in seen:
            continue
        seen.add(identity)
        sub_folders: list[str] = []
        for entry in sorted(_entries(current), key=lambda entry: entry.name):
            if _is(entry.is_dir):
                sub_folders.append(entry.path)
            elif is_image(entry.name) and _is(entry.is_file):
                yield entry.path
        waiting += reversed(sub_folders)


def _entries(folder: StrPath) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise _cannot_list(folder, error) from None


def _identity(folder: StrPath) -> tuple[int, int]:
    try:
        status = os.stat(folder)
    except OSError as error:
        raise _cannot_list(folder, error) from None
    return status.st_dev, status.st_ino


def _cannot_list(folder: StrPath, error: OSError) -> DataError:
    return DataError(f"cannot list the folder {quoted(folder)}: {error.strerror or error}.")


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link that leads to itself
        return False
