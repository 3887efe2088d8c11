"""Writes TIFF files in tiles, from bands of rows, with copies of lower resolution."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import UnsupportedOperation
from math import ceil, log2
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np

from pixlate.data.readers import PixelSize, Values
from pixlate.util.files import atomic_write

_TILE = 512  # pixels of a side
_FEW = 32  # rows of which means are computed at once
_CLASSIC = 2**32 - 2**26  # bytes that a TIFF file can have that is no BigTIFF, with room for its directories
_UNITS = {"inch": "INCH", "cm": "CENTIMETER"}


@dataclass(frozen=True)
class TiffLayout:
    """What a file has beside its values.

    - pyramid: copies of half the size each, until one fits a tile; averaged: their pixels are means of four, else one
      of the four, as classes must be.
    - pixel_size: physical, where it is known; ome: write the metadata of OME, as is done for other sizes than in inches
      and centimetres in any case.
    - compression: "deflate", "zstd" or "none".
    - software: what the file says it was made by; empty for nothing.
    """

    pyramid: bool = False
    averaged: bool = True
    ome: bool = False
    pixel_size: PixelSize | None = None
    compression: str = "deflate"
    software: str = ""

    @property
    def is_ome(self) -> bool:
        """Whether the metadata of OME are written."""
        return self.ome or (self.pixel_size is not None and self.pixel_size.unit not in _UNITS)


class _Stream:
    """An open file without its name, which is a number where it was opened by one; tifffile expects a path there."""

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.seek, self.tell, self.flush = file.write, file.seek, file.tell, file.flush

    def fileno(self) -> int:
        """None, so that all is written by `write`."""
        raise UnsupportedOperation


def write_tiff(
    path: Path, bands: Iterable[Values], shape: tuple[int, int, int], dtype: str, layout: TiffLayout
) -> None:
    """Write bands h×W×C, from top to bottom, as a TIFF file in tiles, atomically; BigTIFF where it needs to be.

    - shape: H×W×C of all bands. Copies of lower resolution wait in a temporary file beside `path`.

    Raises DataError where it cannot be written.
    """
    import tifffile

    height, width, channels = shape
    levels = max(0, ceil(log2(max(height, width) / _TILE))) if layout.pyramid else 0
    size = height * width * channels * np.dtype(dtype).itemsize * (4 / 3 if levels else 1)
    with (
        atomic_write(path) as file,
        tifffile.TiffWriter(cast(Any, _Stream(file)), bigtiff=size > _CLASSIC, ome=layout.is_ome) as tiff,
        tempfile.TemporaryFile(dir=path.parent) as first,
        tempfile.TemporaryFile(dir=path.parent) as second,
    ):
        further = _arguments(layout, channels, dtype)
        stored, next_stored = first, second
        parts: Iterator[Values] = iter(bands)
        for level in range(levels + 1):
            if level < levels:
                parts = _with_half(parts, next_stored, layout.averaged)
            own = (
                {"subifds": levels, **_first(layout, channels)} if level == 0 else {"subfiletype": 1, "metadata": None}
            )
            tiles = _tiles(parts, width, channels, dtype)
            tiff.write(tiles, shape=_squeezed(height, width, channels), dtype=dtype, **further, **own)
            stored, next_stored = next_stored, stored
            height, width = ceil(height / 2), ceil(width / 2)
            parts = _stored_bands(stored, height, width, channels, dtype)


def _arguments(layout: TiffLayout, channels: int, dtype: str) -> dict[str, Any]:
    colours = channels == 3 and dtype in ("uint8", "uint16")
    return {
        "tile": (_TILE, _TILE),
        "photometric": "rgb" if colours else "minisblack",
        "planarconfig": "contig" if channels > 1 else None,
        "compression": None if layout.compression == "none" else layout.compression,
        "predictor": layout.compression != "none",
    }


def _first(layout: TiffLayout, channels: int) -> dict[str, Any]:
    """What the page of the full resolution has."""
    size = layout.pixel_size
    if layout.is_ome:
        axes = {"axes": "YXS" if channels > 1 else "YX"}
        units = {f"PhysicalSize{axis}Unit": size.unit for axis in "XY"} if size else {}
        sizes = {"PhysicalSizeX": size.width, "PhysicalSizeY": size.height, **units} if size else {}
        return {"metadata": {**axes, **sizes}, "software": layout.software}
    plain = {"metadata": None, "software": layout.software}
    if size and size.unit in _UNITS:
        return {**plain, "resolution": (1 / size.width, 1 / size.height), "resolutionunit": _UNITS[size.unit]}
    return plain


def _squeezed(height: int, width: int, channels: int) -> tuple[int, ...]:
    return (height, width, channels) if channels > 1 else (height, width)


def _tiles(bands: Iterable[Values], width: int, channels: int, dtype: str) -> Iterator[Values]:
    """The tiles of a file, row by row; those at the ends are filled up with the values there."""
    for rows in _regular(bands, _TILE):
        for left in range(0, width, _TILE):
            part = rows[:, left : left + _TILE]
            missing = [(0, _TILE - part.shape[0]), (0, _TILE - part.shape[1]), (0, 0)]
            tile = np.ascontiguousarray(np.pad(part, missing, mode="edge"), dtype)
            yield tile if channels > 1 else tile[..., 0]


def _regular(bands: Iterable[Values], height: int) -> Iterator[Values]:
    """Bands of a given height; the last one may have less."""
    rest: list[Values] = []
    count = 0
    for band in bands:
        while count + len(band) >= height:
            part, band = band[: height - count], band[height - count :]
            yield np.concatenate([*rest, part]) if rest else part
            rest, count = [], 0
        if len(band):
            rest.append(band)
            count += len(band)
    if rest:
        yield np.concatenate(rest)


def _with_half(bands: Iterable[Values], file: IO[bytes], averaged: bool) -> Iterator[Values]:
    """The same bands; their half resolution is written to a file meanwhile."""
    file.seek(0)
    for band in _regular(bands, _TILE):
        yield band
        for top in range(0, len(band), _FEW):
            file.write(_halved(band[top : top + _FEW], averaged).tobytes())


def _halved(values: Values, averaged: bool) -> Values:
    if not averaged:
        return np.ascontiguousarray(values[::2, ::2])
    even = np.pad(values, [(0, values.shape[0] % 2), (0, values.shape[1] % 2), (0, 0)], mode="edge")
    squares = [even[row::2, column::2].astype(np.float64) for row in (0, 1) for column in (0, 1)]
    mean = sum(squares[1:], squares[0]) / 4
    return (mean if values.dtype.kind == "f" else np.floor(mean + 0.5)).astype(values.dtype)


def _stored_bands(file: IO[bytes], height: int, width: int, channels: int, dtype: str) -> Iterator[Values]:
    """The bands of a level that were written to a file."""
    file.seek(0)
    row = width * channels * np.dtype(dtype).itemsize
    for top in range(0, height, _TILE):
        data = file.read(row * min(_TILE, height - top))
        yield np.frombuffer(data, dtype).reshape(-1, width, channels)
