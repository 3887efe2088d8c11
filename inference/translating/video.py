"""Videos, frame by frame: sound and subtitles are copied, times and rotation are those of the input. With PyAV.

A video is never in memory as a whole: each frame is translated, encoded and written before the next is decoded.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from pixlate.errors import DataError
from pixlate.util.files import atomic_write
from pixlate.util.optional import require_extra
from pixlate.util.text import one_line, quoted

from .one_image import ImageTranslation
from .outputs import Job
from .video_encoding import CONTAINERS, Encoding, add_video_stream, matrix_of

_COPIED = ("audio", "subtitle")
_MOST_WAITING = 10_000  # packets of sound before the first frame


@dataclass
class VideoFacts:
    """What was written: the size of the frames, their number, and sentences about streams that were left out."""

    size: tuple[int, int] = (0, 0)
    frames: int = 0
    left_out: list[str] = field(default_factory=list)


def video_suffix(path: Path) -> str:
    """The suffix of a video's output: its own, where such files can be written, else that of Matroska."""
    return path.suffix if path.suffix.lower() in CONTAINERS else ".mkv"


def require_video() -> None:
    """Raise OptionError where the library is not installed."""
    require_extra("av", "video", "a video")


def translate_video(
    one: ImageTranslation,
    job: Job,
    encoding: Encoding = Encoding(),  # noqa: B008  # it cannot change
    *,
    software: str = "",
    check: Callable[[], None] = lambda: None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> VideoFacts:
    """Translate a video. Its file appears when it is complete.

    - software: what the file says it was made by.
    - check: called between frames, may raise to stop; report: called after each frame with the number of frames that
      are done, and of all as far as the file tells it.

    Raises DataError for a file that cannot be read, and where the output cannot be written.
    """
    with _open(job.source.path) as source, atomic_write(job.path) as file:
        return _Translation(one, job, encoding, source, file, software).run(check, report)


class _Translation:
    """One video that is being translated."""

    def __init__(
        self, one: ImageTranslation, job: Job, encoding: Encoding, source: Any, file: BinaryIO, software: str
    ) -> None:
        import av

        self._one, self._job, self._encoding, self._source = one, job, encoding, source
        self._video = source.streams.best("video")  # of several, not the picture of a cover
        self._video.thread_type = "AUTO"
        self._container = av.open(file, "w", format=CONTAINERS[job.path.suffix.lower()].format)
        self._container.metadata.update(source.metadata)
        if software:
            self._container.metadata["encoding_tool"] = software  # the name that MP4 has for it
        self._copies: dict[int, Any] = {}
        self._facts = VideoFacts()
        self._output: Any = None
        self._next: int = 0  # of a frame that does not tell its time

    def run(self, check: Callable[[], None], report: Callable[[int, int], None]) -> VideoFacts:
        total = self._video.frames or round(float(self._source.duration or 0) / 1e6 * float(self._rate))
        waiting: list[Any] = []
        with self._container:
            for packet in self._packets():
                if packet.stream.index != self._video.index:
                    if self._output is None and len(waiting) < _MOST_WAITING:
                        waiting.append(packet)
                    else:
                        self._copy(packet)
                    continue
                for frame in packet.decode():
                    check()
                    self._write(frame)
                    while waiting:
                        self._copy(waiting.pop(0))
                    report(self._facts.frames, max(total, self._facts.frames))
            if self._output is None:
                raise DataError(f"cannot read {quoted(self._job.source.path)} as a video: it has no frames.")
            self._container.mux(self._output.encode(None))
        return self._facts

    @property
    def _rate(self) -> Any:
        return self._video.average_rate or self._video.guessed_rate or 25

    def _packets(self) -> Iterator[Any]:
        streams = [stream for stream in self._source.streams if stream.type in _COPIED]
        return iter(self._source.demux([self._video, *streams]))

    def _write(self, frame: Any) -> None:
        """Translate, encode and write a frame."""
        matrix, full_range = matrix_of(frame), int(frame.color_range) == 2
        pixels = frame.to_ndarray(format="rgb24", src_colorspace=matrix, src_color_range=2 if full_range else 1)
        if frame.rotation:
            pixels = np.rot90(pixels, round(frame.rotation / 90))
        image = self._one.of_frame(self._job.source, Image.fromarray(np.ascontiguousarray(pixels)))
        if self._output is None:
            self._start(frame, image.size)
        self._container.mux(self._output.encode(self._encoded(frame, image, matrix, full_range)))
        self._facts.frames += 1

    def _start(self, frame: Any, size: tuple[int, int]) -> None:
        """Add the streams of the output, whose size the first frame tells."""
        self._facts.size = size
        self._output = add_video_stream(self._container, self._encoding, self._video, frame, size, self._job.path)
        supported = self._container.supported_codecs
        for stream in self._source.streams:
            if stream.type not in _COPIED:
                continue
            codec = stream.codec_context.name
            if {codec, stream.codec_context.codec.canonical_name} & supported:
                copy = self._container.add_stream_from_template(stream)
                copy.metadata.update(stream.metadata)
                self._copies[stream.index] = copy
            else:
                self._facts.left_out.append(
                    f"{quoted(self._job.source.path)}: {stream.type} of the kind {codec} cannot be stored in "
                    f"{self._job.path.suffix} and is left out."
                )

    def _copy(self, packet: Any) -> None:
        copy = self._copies.get(packet.stream.index)
        if copy is not None and packet.dts is not None:  # without a time: the end of the stream
            packet.stream = copy
            self._container.mux(packet)

    def _encoded(self, frame: Any, image: Image.Image, matrix: int, full_range: bool) -> Any:
        """The frame of an output's pixels, with the time of the input's frame."""
        import av

        pixels = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
        color_range = 2 if full_range else 1
        converted = pixels.reformat(
            format=self._output.pix_fmt, dst_colorspace=matrix, src_color_range=2, dst_color_range=color_range
        )
        time_base = frame.time_base or self._video.time_base
        pts = frame.pts if frame.pts is not None else self._next
        self._next = pts + max(1, round(1 / float(self._rate) / float(time_base)))
        converted.pts, converted.time_base = pts, time_base
        return converted


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """The opened video; what PyAV raises inside of the block becomes a DataError."""
    require_video()
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise DataError(f"cannot read {quoted(path)} as a video: it has no stream of images.")
            yield container
    except av.error.FFmpegError as error:
        raise DataError(f"cannot translate the video {quoted(path)}: {error.strerror or one_line(error)}.") from None
