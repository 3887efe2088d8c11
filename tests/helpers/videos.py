"""Small videos with sound, and what is in a video."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

RATE = Fraction(30000, 1001)
FINE = Fraction(1, 90000)


def make_video(
    path: Path,
    *,
    size: tuple[int, int] = (32, 16),
    frames: int = 12,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    audio: str = "aac",
    rotation: int = 0,
    variable: bool = False,
    subtitle: bool = False,
    colours: tuple[int, int] = (2, 1),
) -> Path:
    """Write a video of colours that change slowly, with a sine as its sound.

    - rotation: in degrees, counterclockwise, which players apply; variable: frames at unequal distances.
    - colours: the matrix and the range, by FFmpeg's numbers.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=RATE, options={"crf": "4"} if "x264" in codec else {})
        video.width, video.height, video.pix_fmt = *size, pix_fmt
        video.codec_context.colorspace, video.codec_context.color_range = colours
        if variable:
            video.time_base = video.codec_context.time_base = FINE
        if rotation:
            video.set_display_rotation(rotation)
        sound = container.add_stream(audio, rate=48000, layout="stereo") if audio else None
        words = container.add_mux_stream("subrip") if subtitle else None
        for number in range(frames):
            frame = _frame(number, size, pix_fmt, colours)
            frame.pts, frame.time_base = (3003 * number + number % 3 * 700, FINE) if variable else (number, 1 / RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for number in range(20 if sound else 0):
            container.mux(sound.encode(_sine(number)))
        if sound:
            container.mux(sound.encode(None))
        if words is not None:
            packet = av.Packet(b"words")
            packet.stream, packet.pts, packet.dts, packet.duration = words, 100, 100, 200
            packet.time_base = Fraction(1, 1000)
            container.mux(packet)
    return path


def _frame(number: int, size: tuple[int, int], pix_fmt: str, colours: tuple[int, int]) -> Any:
    import av

    y, x = np.mgrid[: size[1], : size[0]]
    pixels = np.stack([x * 255 // size[0], y * 255 // size[1], np.full_like(x, number * 20 % 256)], -1)
    frame = av.VideoFrame.from_ndarray(pixels.astype(np.uint8), "rgb24")
    return frame.reformat(
        format=pix_fmt, dst_colorspace=1 if colours[0] == 1 else 5, src_color_range=2, dst_color_range=colours[1]
    )


def _sine(number: int) -> Any:
    import av

    wave = 0.3 * np.sin(2 * np.pi * 440 * (1024 * number + np.arange(1024)) / 48000)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * number, Fraction(1, 48000)
    return frame


def times_of(path: Path) -> list[Fraction]:
    """The time of each frame, in seconds."""
    import av

    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def pixels_of(path: Path) -> list[Any]:
    """The frames as arrays H×W×3, as they are stored."""
    import av

    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def packets_of(path: Path, kind: str = "audio") -> list[tuple[Any, Any, bytes]]:
    """The packets of the streams of a kind: their times in seconds, and their content."""
    import av

    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        if not streams:
            return []
        packets = [packet for packet in container.demux(streams) if packet.size]
        return [(packet.pts * packet.time_base, packet.dts * packet.time_base, bytes(packet)) for packet in packets]
