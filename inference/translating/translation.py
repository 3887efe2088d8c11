"""The translation of many files: a few at a time, each written whole, recorded, and stopped between two of them."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from pixlate.data.writers import BUILTIN, Writer
from pixlate.errors import DataError
from pixlate.inference.tiling.translation import Progress, no_progress
from pixlate.util.files import make_folder, write_whole
from pixlate.util.text import quoted

from .large import LargeFiles
from .masking import size_of
from .metadata import Metadata, metadata_of
from .one_image import ImageTranslation
from .outputs import Job
from .provenance import Inputs, Provenance
from .saving import can_hold_alpha, encoded

THREADS = 2  # so that one file is read or written while another is computed


@dataclass
class Summary:
    """What became of the files.

    - images, videos: how many were translated; frames: of the videos.
    - kept: how many outputs were there already; problems: a sentence for each file that could not be translated.
    """

    images: int = 0
    videos: int = 0
    frames: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """The number of files that are done, one way or another."""
        return self.images + self.videos + self.kept + len(self.problems)

    @property
    def rate(self) -> float:
        """Images and frames translated in a second."""
        return (self.images + self.frames) / max(1e-9, self.seconds)

    def add_problem(self, problem: str, complain: Callable[[str], None]) -> None:
        """Note and say a problem."""
        self.problems.append(problem)
        complain(problem)


@dataclass(frozen=True)
class ImageFiles:
    """Translates files of images into files.

    - one: translates one; output_scale: pixels of an output per pixel of its input.
    - provenance: where outputs are recorded, or None.
    - software: what files say they were made by; keep_metadata: whether they keep what their inputs say.
    - large: translates files that it takes by tiles; on_tile: called with its tiles that are done, and all of them.
    """

    one: ImageTranslation
    output_scale: int | Fraction = 1
    provenance: Provenance | None = None
    software: str = ""
    keep_metadata: bool = True
    writers: Sequence[Writer] = BUILTIN
    large: LargeFiles | None = None
    on_tile: Progress = no_progress

    def inputs(self, job: Job) -> Inputs | None:
        """What an output is about to be made from; None where nothing is recorded. Raises DataError for a missing file.

        Before it is read: an input that is replaced meanwhile is then translated again by `--resume`.
        """
        return Inputs.of(job.source.path, self.one.companions(job.source)) if self.provenance else None

    def is_made(self, job: Job, inputs: Inputs | None) -> bool:
        """Whether an output is there already, made from the same files by the same weights and options."""
        return self.provenance is not None and inputs is not None and self.provenance.is_made(job, inputs)

    def content(self, job: Job) -> tuple[bytes, tuple[int, int]]:
        """The content of an output's file, and its width and height. Raises DataError for a bad input."""
        path, suffix = job.source.path, job.path.suffix
        picture = self.one(job.source, with_alpha=can_hold_alpha(suffix))
        metadata = metadata_of(path, self.one.reading, self.output_scale) if self.keep_metadata else Metadata()
        return encoded(picture, suffix, metadata, self.software, self.writers), size_of(picture)

    def write(self, job: Job, data: bytes) -> None:
        """Write an output. Raises DataError where it cannot be written."""
        make_folder(job.path.parent)
        write_whole(job.path, data)

    def record(self, job: Job, size: tuple[int, int], inputs: Inputs | None, **more: Any) -> None:
        """Record an output: its width and height, and what it was made from."""
        if self.provenance and inputs:
            self.provenance.add(job, size, inputs, **more)


def translate_images(
    files: ImageFiles,
    jobs: Sequence[Job],
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
    complain: Callable[[str], None] = lambda problem: None,
) -> Summary:
    """Translate images; those that cannot be are left out, with a sentence each.

    - report: called after each with the numbers of those that are done, and of all.
    - check: called between two, may raise to stop, after those that have begun; complain: called with each problem.

    Raises DataError where an output cannot be written.
    """
    summary, start = Summary(), time.monotonic()
    for problem in _each(files, jobs, check):
        if problem is None:
            summary.images += 1
        elif not problem:
            summary.kept += 1
        else:
            summary.add_problem(problem, complain)
        summary.seconds = time.monotonic() - start
        report(summary.done, len(jobs))
    return summary


def _each(files: ImageFiles, jobs: Sequence[Job], check: Callable[[], None]) -> Iterator[str | None]:
    """For each file, in order: None where it is translated, an empty text where it was made before, or its problem."""
    pending: deque[Future[str | None]] = deque()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="translating") as pool:
        try:
            for job in jobs:
                check()
                if len(pending) > THREADS:
                    yield pending.popleft().result()
                pending.append(pool.submit(_one, files, job))
            while pending:
                yield pending.popleft().result()
                check()
        finally:
            for future in pending:
                future.cancel()


def _one(files: ImageFiles, job: Job) -> str | None:
    try:
        inputs = files.inputs(job)
        if files.is_made(job, inputs):
            return ""
        if files.large and files.large.takes(job):
            make_folder(job.path.parent)
            files.record(job, files.large.write(job, files.on_tile), inputs)
            return None
        data, size = files.content(job)
    except DataError as error:
        return naming(job, error)
    files.write(job, data)
    files.record(job, size, inputs)
    return None


def naming(job: Job, error: DataError) -> str:
    """An error's sentence, with the input's name."""
    name = quoted(job.source.path)
    return str(error) if name in str(error) else f"{name}: {error}"
