"""Writes PNG files from bands of rows (the format's specification: ISO/IEC 15948)."""

import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pixlate.data.readers import Values
from pixlate.plugins.field import Colour
from pixlate.util.files import atomic_write

_KINDS = {1: 0, 2: 4, 3: 2, 4: 6}  # the colour types of a number of channels
_PALETTE = 3
_UP = 2  # the filter: the difference from the row above


def can_be_png(channels: int, dtype: str) -> bool:
    """Whether PNG files can hold such values."""
    return channels in _KINDS and dtype in ("uint8", "uint16")


def write_png(
    path: Path,
    bands: Iterable[Values],
    shape: tuple[int, int, int],
    dtype: str,
    *,
    palette: Sequence[Colour] = (),
    software: str = "",
) -> None:
    """Write bands h×W×C, from top to bottom, as a PNG file, atomically. Raises DataError where it cannot be written.

    - shape: H×W×C of all bands; dtype: "uint8" or "uint16".
    - palette: the colours of 8-bit values of one channel; software: what the file says it was made by.
    """
    height, width, channels = shape
    bits = np.dtype(dtype).itemsize * 8
    with atomic_write(path) as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        kind = _PALETTE if palette else _KINDS[channels]
        file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)))
        if palette:
            file.write(_chunk(b"PLTE", bytes(level for colour in palette for level in colour)))
        if software:
            file.write(_chunk(b"tEXt", b"Software\0" + software.encode("latin-1", "replace")))
        compressor = zlib.compressobj(6)
        above = np.zeros((1, width * channels * bits // 8), np.uint8)
        for band in bands:
            values = np.ascontiguousarray(band, ">u2" if bits == 16 else np.uint8)
            rows = np.frombuffer(values.tobytes(), np.uint8).reshape(len(band), -1)
            filtered = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
            filtered[:, 0] = _UP
            np.subtract(rows, np.concatenate([above, rows[:-1]]), out=filtered[:, 1:])
            above = rows[-1:]
            if data := compressor.compress(filtered.tobytes()):
                file.write(_chunk(b"IDAT", data))
        file.write(_chunk(b"IDAT", compressor.flush()))
        file.write(_chunk(b"IEND", b""))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
