"""The translation of a video as one of several files."""

import time
from collections.abc import Callable

from pixlate.errors import DataError
from pixlate.util.files import make_folder

from .outputs import Job
from .translation import ImageFiles, Summary, naming
from .video import translate_video
from .video_encoding import Encoding


def add_video(
    files: ImageFiles,
    job: Job,
    summary: Summary,
    *,
    encoding: Encoding,
    report: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
    complain: Callable[[str], None] = lambda problem: None,
    warn: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Translate a video, unless it was made before; one that cannot be is a sentence.

    - summary: to which it is added.
    - report: called after each frame with the number of frames that are done, and of all.
    - check: called between frames, may raise to stop; the video is then not written.
    - complain: called with a problem; warn: called for each stream that is left out.
    """
    start = time.monotonic()
    try:
        check()
        inputs = files.inputs(job)
        if files.is_made(job, inputs):
            summary.kept += 1
            return
        make_folder(job.path.parent)
        facts = translate_video(files.one, job, encoding, software=files.software, check=check, report=report)
    except DataError as error:
        summary.add_problem(naming(job, error), complain)
        return
    for sentence in facts.left_out:
        warn(sentence)
    files.record(job, facts.size, inputs, frames=facts.frames)
    summary.videos += 1
    summary.frames += facts.frames
    summary.seconds += time.monotonic() - start
