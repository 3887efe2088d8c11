"""Finds the images in folders: one walk, which notes what it leaves out and why."""

import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixlate.errors import DataError, OptionError
from pixlate.util.text import either, quoted

from .formats import USUAL_EXTENSIONS, has_image_extension, holds_image, is_copy
from .inventory import (
    COPY,
    DEAD_LINK,
    HIDDEN_FILE,
    HIDDEN_FOLDER,
    NO_IMAGE,
    REPEATED,
    RESULTS,
    SPECIAL,
    SYSTEM,
    UNREADABLE,
    LeftOutList,
)

StrPath = str | os.PathLike[str]

#: Files and folders of operating systems and storage devices, in lower case.
SYSTEM_NAMES = frozenset(
    {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "#recycle", "$recycle.bin"}
    | {"system volume information", "lost+found", "__pycache__"}
)
_RUN_FILE = "train_opt.txt"  # in every run's folder, of the reference too
_PAGE, _PAGE_IMAGES, _PAGE_TITLE = "index.html", "images", b"<title>Experiment "  # of results, and of a run's page


@dataclass(frozen=True)
class Found:
    """The images of a folder and its sub-folders, sorted by path, and what was left out."""

    images: list[Path]
    left_out: LeftOutList


def survey(folder: Path) -> Found:
    """The images in a folder and its sub-folders, in the order of the reference.

    Left out are hidden files and folders, those of operating systems, copies that programs leave behind, links that
    lead nowhere, files that hold no image, and sub-folders with results or a run of pixlate or the reference. Links to
    folders are followed, but each folder is visited once, so that loops of links end. Raises DataError for a folder
    that cannot be listed.
    """
    left_out = LeftOutList()
    return Found([Path(path) for path in sorted(_walk(folder, left_out))], left_out)


def first(images: Sequence[Path], limit: int | None) -> list[Path]:
    """At most `limit` images: as in the reference the first ones of a walk, in the order of their paths."""
    if limit is None or limit >= len(images):
        return list(images)
    return sorted(sorted(images, key=lambda path: path.parts)[:limit], key=str)


def find_images(folder: Path, limit: int | None = None) -> list[Path]:
    """The images in a folder and its sub-folders, in the order of the reference, at most `limit`; see `survey`."""
    return first(survey(folder).images, limit)


def holds_images(folder: Path) -> bool:
    """Whether the folder exists and has an image in it or in its sub-folders."""
    return folder.is_dir() and next(_walk(folder, LeftOutList()), None) is not None


def own_images(folder: Path) -> Iterator[Path]:
    """The images directly in the folder, sub-folders excluded."""
    entries = [entry for entry in _entries(folder) if not _holds(entry.is_dir)]
    return (Path(entry.path) for entry in entries if _is_image(entry, LeftOutList()))


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in a folder that are neither hidden nor the operating system's, sorted."""
    return sorted(entry.name for entry in _entries(folder) if _holds(entry.is_dir) and not _is_foreign(entry.name))


def why_no_images(folder: Path) -> str:
    """The reason why no images were found in a folder, as half a sentence."""
    if folder.is_dir():
        left_out = survey(folder).left_out.counts()
        others = f" but {', '.join(map(str, left_out))}" if left_out else ""
        return f"{quoted(folder)} has no images ({either(USUAL_EXTENSIONS)}){others}"
    return f"{quoted(folder)} is a file" if folder.exists() else f"there is no folder {quoted(folder)}"


def what_is_there(folder: Path, stem: str) -> str:
    """What a folder has instead of an image of this name without extension: "'1.npy' is …"; empty for nothing like it.

    - stem: relative to the folder, in composed Unicode form (NFC).
    """
    place = folder / Path(stem).parent
    wanted = Path(stem).name
    for entry in sorted(_entries(place), key=lambda entry: entry.name) if place.is_dir() else ():
        name = unicodedata.normalize("NFC", entry.name)
        found = {name, os.path.splitext(name)[0]}
        if wanted in found:
            left_out = LeftOutList()
            if _holds(entry.is_dir):
                return f"{quoted(entry.name)} is a folder"
            if not _is_image(entry, left_out):
                return f"{quoted(entry.name)} is a {left_out.counts()[0].reason.one}"
        elif wanted.casefold() in {name.casefold() for name in found}:
            return f"{quoted(entry.name)} differs in capital letters"
    return ""


def dataroot_of(text: str) -> Path:
    """The folder that `--dataroot` names; "demo" draws the demo data first.

    Raises OptionError if none is named, DataError if there is no such folder.
    """
    require_dataroot(text)
    if text == "demo":
        from pixlate.data.demo.demo import demo_folder  # imported only when needed

        return demo_folder()
    return Path(text)


def require_dataroot(text: str) -> None:
    """Raise OptionError if `--dataroot` names nothing, DataError if there is no such folder; "demo" is one."""
    if not text:
        raise OptionError("--dataroot is missing: give the folder of the images, or 'demo'.")
    folder = Path(text)
    if text == "demo" or folder.is_dir():
        return
    if folder.exists():
        raise DataError(f"--dataroot {quoted(folder)} is a file; it must be the folder of the images.")
    from pixlate.data.download.catalogue import DATASETS

    known = folder.name in DATASETS
    advice = f"'pixlate download {folder.name}' fetches it" if known else "check the path, or use --dataroot demo"
    raise DataError(f"--dataroot {quoted(folder)} does not exist: {advice}.")


def _walk(folder: Path, left_out: LeftOutList) -> Iterator[str]:
    """The paths of all images below a folder: those of a folder by name, then those of its sub-folders by name."""
    visited: set[tuple[int, int]] = set()
    pending = [str(folder)]
    while pending:
        current = pending.pop()
        identity = _identity(current)
        if identity in visited:
            left_out.add(REPEATED, current)
            continue
        visited.add(identity)
        entries = sorted(_entries(current), key=lambda entry: entry.name)
        if visited != {identity} and _holds_results(current, entries):
            left_out.add(RESULTS, current)
            continue
        sub_folders: list[str] = []
        for entry in entries:
            if _holds(entry.is_dir):
                if _is_foreign(entry.name):
                    left_out.add(HIDDEN_FOLDER if entry.name.startswith(".") else SYSTEM, entry.path)
                else:
                    sub_folders.append(entry.path)
            elif _is_image(entry, left_out):
                yield entry.path
        pending += reversed(sub_folders)  # the last is visited first


def _is_image(entry: "os.DirEntry[str]", left_out: LeftOutList) -> bool:
    """Whether a file, or a link to one, is an image to be read; if not, it is noted."""
    name = entry.name
    if _is_foreign(name):
        left_out.add(HIDDEN_FILE if name.startswith(".") else SYSTEM, entry.path)
    elif not _holds(entry.is_file):
        left_out.add(DEAD_LINK if entry.is_symlink() and not os.path.exists(entry.path) else SPECIAL, entry.path)
    elif has_image_extension(name):
        return True
    elif is_copy(name):
        left_out.add(COPY, entry.path)
    else:
        try:
            if holds_image(entry.path):
                return True
            left_out.add(NO_IMAGE, entry.path)
        except OSError:
            left_out.add(UNREADABLE, entry.path)
    return False


def _is_foreign(name: str) -> bool:
    """Whether a name is hidden, or one that operating systems and storage devices use for their own files."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def _holds_results(folder: str, entries: "list[os.DirEntry[str]]") -> bool:
    """Whether a folder holds results or a run, of pixlate or the reference: what a model has made is no data."""
    names = {entry.name for entry in entries}
    if _RUN_FILE in names:
        return True
    if not {_PAGE, _PAGE_IMAGES} <= names:
        return False
    try:
        with open(os.path.join(folder, _PAGE), "rb") as file:
            return _PAGE_TITLE in file.read(1000)
    except OSError:
        return False


def _entries(folder: StrPath) -> "list[os.DirEntry[str]]":
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
