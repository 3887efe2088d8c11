"""TIFF files that are translated from file to file by tiles, so that they may be larger than the memory."""

import threading
from dataclasses import dataclass, field
from importlib.util import find_spec

from pixlate.data.readers import PREFIX
from pixlate.data.tiff import TiffReader
from pixlate.inference.tile_files import SUFFIXES, translate_file
from pixlate.inference.tiling.options import TileOptions
from pixlate.inference.tiling.translation import Progress
from pixlate.inference.translator import Translator

from .one_image import look, warn_of_others
from .outputs import Job


@dataclass(frozen=True)
class LargeFiles:
    """Translates TIFF files by tiles, with tifffile.

    - translator: of a model; options: how files are tiled; pyramid: outputs that are TIFF files have copies of lower
      resolution, those of inputs that have them do in any case.
    - software: what files say they were made by.
    """

    translator: Translator
    options: TileOptions
    pyramid: bool = False
    software: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, job: Job) -> bool:
        """Whether a file is translated here: a TIFF file, into a format that can be written by tiles."""
        if job.path.suffix.lower() not in SUFFIXES or find_spec("tifffile") is None:
            return False
        try:
            with job.source.path.open("rb") as file:
                return TiffReader.is_tiff(file.read(PREFIX))
        except OSError:  # reading it says why
            return False

    def write(self, job: Job, progress: Progress) -> tuple[int, int]:
        """Write an output, and return its width and height. Raises DataError for a bad input.

        - progress: called after each tile; may raise to stop, which leaves no file.
        """
        if look(job.source.path, self.translator.reading).several:
            warn_of_others(job.source.path)
        with self._lock:  # one at a time: each takes as much memory as there may be
            return translate_file(
                self.translator,
                job.source.path,
                job.path,
                self.options,
                pyramid=self.pyramid or None,
                software=self.software,
                progress=progress,
            )
