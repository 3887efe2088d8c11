"""Regions of TIFF files, read with tifffile: only the tiles and strips of the file that are needed.

What tifffile decodes is kept for the next region, up to a number of bytes. Files are not mapped into memory, because
pages of a mapping count as memory of the process.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pixlate.data.readers import Values

_KEPT = 2**27  # bytes of decoded tiles and strips
_MINISBLACK, _RGB, _YCBCR = 1, 2, 6  # photometric interpretations
_JPEG = 7  # a compression
_ALPHA = 2  # an extra sample: transparency that the colours are not multiplied by
_ORIENTATION, _ICC = 274, 34675


class TiffRegions:
    """A TIFF file of which regions are read, the first plane of stacks, with all of its channels.

    - height, width, channels; dtype: the type of its values, by NumPy's name.
    - profile: its ICC profile, or empty; is_pyramid: it has copies of lower resolution; is_ome: its metadata are OME's.
    - segment_pixels: the pixels of its largest tile or strip, which is decoded at once.

    Raises ValueError for a file that cannot be read by regions: with a palette or CMYK colours, turned, or with less
    than 8 bits; and what tifffile raises for a damaged one.
    """

    def __init__(self, path: Path) -> None:
        import tifffile  # here, because it is optional

        self._file: Any = tifffile.TiffFile(path)
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        series = self._file.series[0]
        self._pages = [_Page(page) for page in _pages(series)]
        first = self._pages[0]
        self.height, self.width = first.height, first.width
        self.channels = sum(page.channels for page in self._pages)
        self.dtype = first.dtype.name
        self.is_pyramid = len(series.levels) > 1
        self.is_ome = bool(self._file.is_ome)
        self.segment_pixels = max(page.segment_pixels for page in self._pages)
        tag = series.keyframe.tags.get(_ICC)
        self.profile = bytes(tag.value) if tag else b""

    def read(self, top: int, bottom: int, left: int, right: int) -> Values:
        """The values h×w×C of the rows [top, bottom) and the columns [left, right)."""
        parts = [page.read(top, bottom, left, right) for page in self._pages]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 2)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Page:
    """A page of a file, of which regions are read."""

    def __init__(self, page: Any) -> None:
        layout = page.keyframe  # that of all pages of the series
        turned = layout.tags.get(_ORIENTATION)
        if layout.photometric not in (_MINISBLACK, _RGB, _YCBCR) or (turned and turned.value != 1):
            raise ValueError("its colours or its orientation need the whole image")
        if layout.photometric == _YCBCR and layout.compression != _JPEG:  # only of JPEG tifffile converts the colours
            raise ValueError("its colours need the whole image")
        if layout.samplesperpixel == 4 and layout.dtype == np.uint8 and tuple(layout.extrasamples) != (_ALPHA,):
            raise ValueError("its fourth channel is no transparency as images have it")
        if layout.dtype is None or layout.dtype.kind not in "uif" or layout.bitspersample != layout.dtype.itemsize * 8:
            raise ValueError("its values are not whole bytes")
        self._page = page
        self.height, self.width, self.channels = layout.imagelength, layout.imagewidth, layout.samplesperpixel
        self.dtype: np.dtype[Any] = layout.dtype
        self._planes = self.channels if layout.planarconfig == 2 and self.channels > 1 else 1
        # Strips of one row after the other without compression are read where a region lies in them.
        self._is_raw = (
            layout.compression == 1 and not layout.is_tiled and layout.is_contiguous and layout.fillorder == 1
        )
        self._rows = layout.tilelength if layout.is_tiled else min(layout.rowsperstrip, self.height)
        self._columns = layout.tilewidth if layout.is_tiled else self.width
        self.segment_pixels = self._columns if self._is_raw else self._rows * self._columns
        self._decoded: OrderedDict[int, Values | None] = OrderedDict()
        self._size = 0

    def read(self, top: int, bottom: int, left: int, right: int) -> Values:
        values = np.zeros((bottom - top, right - left, self.channels), self.dtype)
        if self._is_raw:
            for plane in range(self._planes):
                self._read_rows(values, plane, top, left)
            return values
        for plane, row, column in self._places(top, bottom, left, right):
            segment = self._segment(plane, row, column)
            if segment is None:  # a sparse file: nothing is stored there
                continue
            y, x = row * self._rows, column * self._columns
            upper, lower = max(top, y), min(bottom, y + segment.shape[0])
            first, last = max(left, x), min(right, x + segment.shape[1])
            part = segment[upper - y : lower - y, first - x : last - x]
            of_plane = slice(None) if self._planes == 1 else slice(plane, plane + 1)
            values[upper - top : lower - top, first - left : last - left, of_plane] = part
        return values

    def _read_rows(self, values: Values, plane: int, top: int, left: int) -> None:
        file, samples = self._page.parent.filehandle, self.channels // self._planes
        kind = self.dtype.newbyteorder(self._page.parent.byteorder)
        size = kind.itemsize * samples
        start = self._page.dataoffsets[0] + plane * self.height * self.width * size
        for y in range(len(values)):
            file.seek(start + ((top + y) * self.width + left) * size)
            data = file.read(values.shape[1] * size)
            row = np.frombuffer(data, kind).reshape(-1, samples)
            values[y, :, slice(None) if self._planes == 1 else slice(plane, plane + 1)] = row

    def _places(self, top: int, bottom: int, left: int, right: int) -> Iterator[tuple[int, int, int]]:
        """The plane, row and column of each tile or strip that a region needs."""
        for plane in range(self._planes):
            for row in range(top // self._rows, math.ceil(bottom / self._rows)):
                for column in range(left // self._columns, math.ceil(right / self._columns)):
                    yield plane, row, column

    def _segment(self, plane: int, row: int, column: int) -> Values | None:
        down, across = math.ceil(self.height / self._rows), math.ceil(self.width / self._columns)
        index = (plane * down + row) * across + column
        if index in self._decoded:
            self._decoded.move_to_end(index)
            return self._decoded[index]
        page = self._page
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        decoded: Values | None = None
        if count:
            decode = page.keyframe.decode  # before the file's position is set: for JPEG it reads the file too
            further = {"jpegtables": page.jpegtables} if page.jpegtables else {}
            file = page.parent.filehandle
            file.seek(offset)
            decoded = decode(file.read(count), index, **further)[0]
        values = None if decoded is None else decoded[0]
        self._decoded[index] = values
        self._size += 0 if values is None else values.nbytes
        while self._size > _KEPT and len(self._decoded) > 1:
            oldest = self._decoded.popitem(last=False)[1]
            self._size -= 0 if oldest is None else oldest.nbytes
        return values


def _pages(series: Any) -> list[Any]:
    """The pages of the first plane: one, or one for each channel. Raises ValueError where they are not pages."""
    axes, shape = series.axes, series.shape
    inner = next((end for end in ("YXS", "SYX", "YX") if axes.endswith(end)), None)
    if inner is None:
        raise ValueError(f"its axes are {axes}")
    outer = axes[: -len(inner)]
    sizes = dict(zip(outer, shape[: len(outer)], strict=True))
    pages = series.levels[0].pages
    if math.prod(sizes.values()) != len(pages):
        raise ValueError("its planes are not pages")
    step = math.prod(sizes[axis] for axis in outer[outer.index("C") + 1 :]) if "C" in outer else 1
    return [pages[number * step] for number in range(sizes.get("C", 1))]
