"""TIFF files that Pillow does not read, or not wholly: several bands of more than 8 bits, more than four bands."""

import math
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pixlate.errors import DataError

from .readers import PixelSize, Reader, Shape, Values
from .unsupported import unsupported_kind

_BITS, _BANDS, _FORMAT, _PHOTOMETRIC, _DESCRIPTION = 258, 277, 339, 262, 270
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_COMPRESSION = 259
_UNITS = {2: "inch", 3: "cm"}  # of a resolution
_PALETTE, _CMYK, _LAB = 3, 5, (8, 9)  # photometric interpretations, which Pillow converts
_SIGNED, _FLOATING = 2, 3
_REAL = (1, _SIGNED, _FLOATING)  # unsigned, signed and floating-point numbers; others are complex, or not known
NEEDED = "which needs tifffile: pip install 'pixlate[formats]'"


class TiffReader(Reader):
    """TIFF files with tifffile: the first page, or the channels that OME and ImageJ store as pages.

    Of stacks and time series the first plane is read.
    """

    @staticmethod
    def is_tiff(start: bytes) -> bool:
        """Whether a file that begins with these bytes is TIFF."""
        return start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

    def accepts(self, start: bytes, path: Path) -> bool:
        if not self.is_tiff(start):
            return False
        try:
            tags = _tags(path)
        except Exception:  # damaged: Pillow says how
            return False
        bands = int(tags.get(_BANDS, 1))
        bits = {int(count) for count in tags.get(_BITS, (1,))}
        number = int((tags.get(_FORMAT) or (1,))[0])
        if tags.get(_PHOTOMETRIC) in (_PALETTE, _CMYK, *_LAB) or number not in _REAL:
            return False
        if _described_channels(tags) not in (1, bands):  # pages are channels
            return True
        # Pillow reads 1, 3 or 4 bands of 8 bits, and one band of 16 or 32; signed ones of 16 bits as if they had 32.
        if bands in (1, 3, 4) and max(bits) <= 8:
            return False
        if bands > 1 or max(bits) > 32 or (number == _FLOATING and bits != {32}):
            return True
        # Pillow reads compressed big-endian floating-point numbers with their bytes in the wrong order.
        swapped = number == _FLOATING and start[:2] == b"MM" and int(tags.get(_COMPRESSION, 1)) != 1
        return (swapped or (number == _SIGNED and bits == {16})) and find_spec("tifffile") is not None

    def shape(self, path: Path) -> Shape:
        tifffile = _tifffile(path)
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            channels = _channels(file.series[0])
            return Shape(page.imagewidth, page.imagelength, channels, page.dtype.name)

    def read(self, path: Path) -> Values:
        tifffile = _tifffile(path)
        with tifffile.TiffFile(path) as file:
            return _plane(file.series[0])

    def pixel_size(self, path: Path) -> PixelSize | None:
        """From the description of OME or ImageJ, else from the resolution."""
        if find_spec("tifffile") is None:
            return None
        import tifffile

        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            if file.ome_metadata and (size := _ome_size(file.ome_metadata)):
                return size
            resolution = [tag.value for name in ("XResolution", "YResolution") if (tag := page.tags.get(name))]
            if len(resolution) != 2 or not all(part for value in resolution for part in value):
                return None
            width, height = (below / above for above, below in resolution)
            unit = (file.imagej_metadata or {}).get("unit") if file.is_imagej else _UNITS.get(int(page.resolutionunit))
            return PixelSize(width, height, str(unit)) if unit else None


def tile_size(path: Path) -> tuple[int, int]:
    """Width and height of the tiles of the first page, which may be larger than the image; (0, 0) where it has none.

    A tile is decoded as a whole, and a small file can hold a very large one.
    """
    try:
        tags = _tags(path)
        return int(tags.get(_TILE_WIDTH, 0)), int(tags.get(_TILE_LENGTH, 0))
    except Exception:  # damaged: who reads it says how
        return 0, 0


def _ome_size(description: str) -> PixelSize | None:
    """The attributes of the first image. They are read as text: XML can be written to fill the memory."""
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", description)
    values = dict(re.findall(r'(PhysicalSize[XY](?:Unit)?)="([^"]*)"', pixels[0])) if pixels else {}
    if not {"PhysicalSizeX", "PhysicalSizeY"} <= values.keys():
        return None
    width, height = (float(values[f"PhysicalSize{axis}"]) for axis in "XY")
    return PixelSize(width, height, values.get("PhysicalSizeXUnit", "µm"))


def _described_channels(tags: ImageFileDirectory_v2) -> int:
    """The channels that the description of OME or ImageJ tells; 1 for others."""
    text = str(tags.get(_DESCRIPTION, ""))
    pattern = r'SizeC="(\d+)"' if "<OME" in text or ":OME" in text else r"^ImageJ=[^\0]*?\nchannels=(\d+)"
    found = re.search(pattern, text)
    return int(found[1]) if found else 1


def _channels(series: Any) -> int:
    sizes = dict(zip(series.axes, series.shape, strict=True))
    return int(sizes.get("C", 1) * sizes.get("S", 1))


def _plane(series: Any) -> Values:
    """The first plane of a series H×W×C, with all of its channels."""
    axes, shape = series.axes, series.shape
    outer = [axis for axis in axes if axis not in "YXS"]  # in the order of the pages
    sizes = [size for axis, size in zip(axes, shape, strict=True) if axis in outer]
    if math.prod(sizes) == len(series.pages) > 1 and axes.endswith(("YX", "YXS")):
        # Only the pages that are needed: a stack may be larger than the memory.
        step = math.prod(sizes[outer.index("C") + 1 :]) if "C" in outer else 1
        count = sizes[outer.index("C")] if "C" in outer else 1
        values = np.stack([series.pages[number * step].asarray() for number in range(count)])
        axes = "C" + axes[len(outer) :]
    else:
        values = series.asarray()
    first = tuple(slice(None) if axis in "YXSC" else 0 for axis in axes)
    values, axes = values[first], "".join(axis for axis in axes if axis in "YXSC")
    ordered: Values = np.moveaxis(values, [axes.index("Y"), axes.index("X")], [0, 1])
    return ordered.reshape(*ordered.shape[:2], -1)


def _tags(path: Path) -> ImageFileDirectory_v2:
    """The tags of the first page that `accepts` looks at."""
    with path.open("rb") as file:
        header = file.read(8)
        if b"\x2b" in (header[2:3], header[3:4]):  # BigTIFF
            header += file.read(8)
        tags = ImageFileDirectory_v2(header)
        file.seek(tags.next)
        tags.load(file)
        for tag in (_BITS, _BANDS, _FORMAT, _PHOTOMETRIC, _DESCRIPTION, _TILE_WIDTH, _TILE_LENGTH, _COMPRESSION):
            tags.get(tag)  # read while the file is open
    return tags


def _tifffile(path: Path) -> Any:
    if find_spec("tifffile") is None:
        with path.open("rb") as file:
            kind = unsupported_kind("TIFF", file, "not supported")
        raise DataError(f"it is {kind or 'TIFF'}, {NEEDED}")
    import tifffile

    return tifffile
