"""The folder that a data tool writes into."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pixlate.data.folders import survey, why_no_images
from pixlate.data.reading import BadImageError
from pixlate.errors import DataError
from pixlate.util.files import make_folder
from pixlate.util.text import quoted

Job = TypeVar("Job")
Report = Callable[[int, int], None]  # files done, all files

THREADS = 4  # decoding and encoding release Python's lock


def output_folder(folder: Path, inputs: Sequence[Path], *, overwrite: bool) -> Path:
    """The folder, created where it does not exist.

    Raises DataError for one that has files, unless `overwrite`, and for one that lies inside of an input folder, whose
    content it would become.
    """
    folder = folder.expanduser()
    for source in inputs:
        if folder.resolve().is_relative_to(source.resolve()):
            raise DataError(
                f"the output {quoted(folder)} lies inside of the input {quoted(source)}: choose another one."
            )
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise DataError(f"{quoted(folder)} has files already: choose another folder, or use --overwrite.")
    return make_folder(folder)


def input_folder(folder: Path) -> Path:
    """The folder. Raises DataError where there is none."""
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DataError(f"{quoted(folder)} is no folder: check the path.")
    return folder


def images_in(folder: Path) -> list[Path]:
    """The images in a folder and its sub-folders. Raises DataError where there are none."""
    files = survey(input_folder(folder)).images
    if not files:
        raise DataError(f"{why_no_images(folder)}.")
    return files


def named(files: Iterable[Path], folder: Path) -> list[tuple[Path, Path]]:
    """The files of a folder, each with its path there without an extension, by which its result is named.

    Raises DataError where two files would have one result.
    """
    names: dict[Path, Path] = {}
    for path in files:
        name = path.relative_to(folder).with_suffix("")
        if name in names:
            raise DataError(
                f"{quoted(names[name])} and {quoted(path)} differ only in their extensions: remove or rename one."
            )
        names[name] = path
    return [(path, name) for name, path in names.items()]


@dataclass
class Summary:
    """What a tool did: the number of files written, and a message for each image that was left out."""

    written: int = 0
    bad: list[str] = field(default_factory=list)


def process(jobs: Iterable[Job], work: Callable[[Job], None], *, skip_bad: bool, report: Report) -> Summary:
    """Do the work of every job in several threads.

    - skip_bad: whether images that cannot be read are left out; otherwise they raise BadImageError.
    """

    def attempt(job: Job) -> str:
        try:
            work(job)
        except BadImageError as error:
            if not skip_bad:
                raise
            return str(error)
        return ""

    jobs, summary = list(jobs), Summary()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for number, problem in enumerate(pool.map(attempt, jobs), start=1):
                if problem:
                    summary.bad.append(problem)
                summary.written += not problem
                report(number, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return summary
