"""TIFF files that Pillow does not read, or not wholly: several bands of more than 8 bits, more than four bands."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pixlate.errors import DataError

from .readers import Reader, Shape, Values
from .unsupported import unsupported_kind

_WIDTH, _HEIGHT, _BITS, _BANDS, _FORMAT, _PHOTOMETRIC = 256, 257, 258, 277, 339, 262
_PALETTE, _CMYK, _LAB = 3, 5, (8, 9)  # photometric interpretations, which Pillow converts
_SIGNED, _FLOATING = 2, 3
_REAL = (1, _SIGNED, _FLOATING)  # unsigned, signed and floating-point numbers; others are complex, or not known
NEEDED = "which needs tifffile: pip install 'pixlate[formats]'"


class TiffReader(Reader):
    """The first page of a TIFF file, with tifffile."""

    def accepts(self, start: bytes, path: Path) -> bool:
        if start[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
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
        # Pillow reads 1, 3 or 4 bands of 8 bits, and one band of 16 or 32; signed ones of 16 bits as if they had 32.
        if bands in (1, 3, 4) and max(bits) <= 8:
            return False
        if bands > 1 or max(bits) > 32 or (number == _FLOATING and bits != {32}):
            return True
        return number == _SIGNED and bits == {16} and find_spec("tifffile") is not None

    def shape(self, path: Path) -> Shape:
        tifffile = _tifffile(path)
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            height, width, channels = _layout(page)[0]
            return Shape(width, height, channels, page.dtype.name)

    def read(self, path: Path) -> Values:
        tifffile = _tifffile(path)
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            (height, width, channels), planar = _layout(page)
            values: Values = page.asarray()
        if planar:
            values = np.moveaxis(values.reshape(channels, height, width), 0, -1)
        return values.reshape(height, width, channels)


def _tags(path: Path) -> ImageFileDirectory_v2:
    """The tags of the first page that `accepts` looks at."""
    with path.open("rb") as file:
        header = file.read(8)
        if b"\x2b" in (header[2:3], header[3:4]):  # BigTIFF
            header += file.read(8)
        tags = ImageFileDirectory_v2(header)
        file.seek(tags.next)
        tags.load(file)
        for tag in (_BITS, _BANDS, _FORMAT, _PHOTOMETRIC):
            tags.get(tag)  # read while the file is open
    return tags


def _layout(page: Any) -> tuple[tuple[int, int, int], bool]:
    """Height, width and channels of a page, and whether its channels lie one after another."""
    height, width, channels = page.imagelength, page.imagewidth, page.samplesperpixel
    return (height, width, channels), channels > 1 and int(page.planarconfig) == 2


def _tifffile(path: Path) -> Any:
    if find_spec("tifffile") is None:
        with path.open("rb") as file:
            kind = unsupported_kind("TIFF", file, "not supported")
        raise DataError(f"it is {kind or 'TIFF'}, {NEEDED}")
    import tifffile

    return tifffile
