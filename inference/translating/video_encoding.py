"""How videos are encoded: containers, codecs, the format of pixels, and the colours that the input declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from pixlate.errors import OptionError


class Container(NamedTuple):
    """A kind of file: FFmpeg's name of its format, and the codec of its videos unless another is asked for."""

    format: str
    codec: str


CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container("mp4", "libx264"),
    ".m4v": Container("mp4", "libx264"),
    ".mov": Container("mov", "libx264"),
    ".mkv": Container("matroska", "libx264"),
    ".webm": Container("webm", "libvpx-vp9"),
    ".avi": Container("avi", "mpeg4"),
}
#: The quality, from 0, the best, of codecs that have a constant one; further options that make them fast enough.
_CODECS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "libx264": (18, {}),
    "libx264rgb": (18, {}),
    "libx265": (20, {"x265-params": "log-level=none"}),
    "libvpx-vp9": (24, {"b": "0", "cpu-used": "4", "row-mt": "1"}),
    "libsvtav1": (24, {"preset": "8"}),
}
_WITHOUT_LOSS = ("ffv1", "png", "libx264rgb")
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}  # of a frame, to those of its conversion
_HIGH = 720  # lines from which on an undeclared matrix is that of high definition, as players assume
_BT709, _BT601 = 1, 5


@dataclass(frozen=True)
class Encoding:
    """How a video is encoded.

    - codec: by FFmpeg's name; empty for that of the container. crf: its quality, lower is better; None for near
      lossless.

    Raises OptionError for a codec that there is not, or that has no such quality.
    """

    codec: str = ""
    crf: int | None = None

    def of(self, suffix: str) -> str:
        """The codec for files of a suffix. Raises OptionError for one that there is not."""
        import av

        name = self.codec or CONTAINERS[suffix.lower()].codec
        try:
            codec = av.codec.Codec(name, "w")
        except (ValueError, av.error.FFmpegError):  # ValueError: it is not known
            raise OptionError(f"--codec {name}: there is no such encoder: libx264, libx265, libvpx-vp9, …") from None
        if codec.type != "video":
            raise OptionError(f"--codec {name} encodes {codec.type}, not images.")
        container = CONTAINERS[suffix.lower()].format
        with av.open(BytesIO(), "w", format=container) as trial:
            if name not in trial.supported_codecs:
                raise OptionError(
                    f"--codec {name}: {suffix} files cannot hold it; .mkv and .mov files hold most codecs."
                )
        if self.crf is not None and name not in _CODECS:
            raise OptionError(f"--crf is a quality of {', '.join(_CODECS)}, not of {name}.")
        return name


def matrix_of(frame: Any) -> int:
    """The matrix between a frame's brightness and colour differences, and red, green and blue: FFmpeg's number."""
    return _MATRICES.get(int(frame.colorspace), _BT709 if frame.height >= _HIGH else _BT601)


def add_video_stream(
    container: Any, encoding: Encoding, source: Any, frame: Any, size: tuple[int, int], path: Path
) -> Any:
    """A stream for frames of a size, with the times, the colours and the shape of pixels of the input's.

    - source: the input's stream; frame: its first one; path: of the output.
    """
    name = encoding.of(path.suffix)
    quality, options = _CODECS.get(name, (None, {}))
    if quality is not None:
        options = {**options, "crf": str(quality if encoding.crf is None else encoding.crf)}
    rate = source.average_rate or source.guessed_rate or Fraction(25)
    stream = container.add_stream(name, rate=rate, options=dict(options))
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format([form.name for form in stream.codec_context.codec.video_formats or ()], name, size)
    # AVI has frames at equal distances alone, and MPEG-4 no finer times than 1/65535 s.
    time_base = source.time_base if source.time_base and name != "mpeg4" else 1 / Fraction(rate)
    stream.time_base = stream.codec_context.time_base = time_base
    ratio = source.sample_aspect_ratio
    if ratio:
        stream.codec_context.sample_aspect_ratio = 1 / ratio if round(frame.rotation / 90) % 2 else ratio
    if stream.pix_fmt.startswith("yuv"):
        context = stream.codec_context
        context.colorspace = int(frame.colorspace) if int(frame.colorspace) in _MATRICES else matrix_of(frame)
        context.color_range = 2 if int(frame.color_range) == 2 else 1
        context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
    stream.metadata.update({key: value for key, value in source.metadata.items() if key in ("language", "title")})
    return stream


def pixel_format(known: Sequence[str], codec: str, size: tuple[int, int]) -> str:
    """The format of pixels: what players show everywhere, which needs even sides; without loss, red, green and blue.

    - known: what the codec takes, by FFmpeg's names.
    """
    even = ["yuv420p", "yuvj420p"] if all(side % 2 == 0 for side in size) else []
    colours = ["rgb24", "bgr0", "gbrp"]
    wanted = [*even, "yuv444p", "yuvj444p", "yuv420p", *colours]
    if codec in _WITHOUT_LOSS:
        wanted = [*colours, *wanted]
    return next((name for name in wanted if name in known), known[0] if known else "yuv420p")
