"""Readers of image files beside Pillow's: arrays of any type and number of channels; those of plugins too.

Pillow reads 8-bit images, and grey ones of more bits. A reader takes a file that Pillow would not read, or not wholly:
the built-in ones NumPy's files, and with the extra `formats` 16-bit colour PNG and TIFF of any kind. A plugin registers
others.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Values = NDArray[Any]  # H×W×C, of integers or floating-point numbers
PREFIX = 512  # bytes of a file that a reader is asked about
MAX_CHANNELS = 512  # of an array that is taken for an image


@dataclass(frozen=True)
class Shape:
    """What the header of a file tells: the size in pixels, the channels, and the type of the values by NumPy's name."""

    width: int
    height: int
    channels: int = 1
    dtype: str = "uint16"


@dataclass(frozen=True)
class PixelSize:
    """The physical width and height of a pixel, in a unit such as "µm" or "mm"."""

    width: float
    height: float
    unit: str

    def divided(self, scale: int | Fraction) -> "PixelSize":
        """The size of a pixel in an image with `scale` times as many pixels on each side."""
        return PixelSize(self.width / float(scale), self.height / float(scale), self.unit)


class Reader(ABC):
    """Reads files of one format. It has no state, and is constructed without arguments.

    - suffixes: of files that are taken for images by their names, in lower case: (".dcm",). Others are recognised by
      their first bytes.

    Its methods may raise anything for a damaged file: the error's text becomes part of a sentence that names the file.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def accepts(self, start: bytes, path: Path) -> bool:
        """Whether this reader takes a file that begins with these bytes, `PREFIX` of them."""

    @abstractmethod
    def shape(self, path: Path) -> Shape:
        """What the header of the file tells, without reading its values."""

    @abstractmethod
    def read(self, path: Path) -> Values:
        """The values, H×W×C."""

    def pixel_size(self, path: Path) -> PixelSize | None:
        """The physical size of a pixel, where the file tells it: results of a test keep it."""
        return None


class NumpyReader(Reader):
    """Arrays that numpy.save wrote, H×W or H×W×C. Objects are refused: they could execute code."""

    def accepts(self, start: bytes, path: Path) -> bool:
        """Whether it is an array of two dimensions, or three of which the last can be channels."""
        if not start.startswith(npy.MAGIC_PREFIX):
            return False
        try:
            shape = self.shape(path)
        except Exception:  # a list of numbers, or damaged: no image
            return False
        return shape.channels <= MAX_CHANNELS

    def shape(self, path: Path) -> Shape:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read_header(file)
        height, width, channels = _three(shape)
        return Shape(width, height, channels, dtype.name)

    def read(self, path: Path) -> Values:
        values: Values = np.load(path, allow_pickle=False)
        return values.reshape(_three(values.shape))


class Png16Reader(Reader):
    """PNG with colours of 16 bits, with imagecodecs. Without it Pillow reads their upper 8 bits."""

    def accepts(self, start: bytes, path: Path) -> bool:
        return is_png_16(start) and find_spec("imagecodecs") is not None

    def shape(self, path: Path) -> Shape:
        with path.open("rb") as file:
            start = file.read(26)
        width, height = (int.from_bytes(start[at : at + 4], "big") for at in (16, 20))
        return Shape(width, height, 3 if start[25] == 2 else 4, "uint16")

    def read(self, path: Path) -> Values:
        import imagecodecs  # here, because it is optional, and such files are rare

        decoded: Values = imagecodecs.png_decode(path.read_bytes())
        return decoded


def is_png_16(start: bytes) -> bool:
    """Whether a file that begins with these bytes is PNG with colours of 16 bits."""
    # The header: 8 bytes of signature, 8 of the chunk IHDR, width, height, bits, kind (2 and 6 are colour).
    is_png = start.startswith(b"\x89PNG\r\n\x1a\n") and start[12:16] == b"IHDR" and len(start) > 25
    return is_png and start[24] == 16 and start[25] in (2, 6)


def _three(shape: Sequence[int]) -> tuple[int, int, int]:
    """Height, width and channels of an array. Raises ValueError for one that is no image."""
    if len(shape) not in (2, 3) or 0 in shape:
        raise ValueError(f"an array of {' x '.join(map(str, shape)) or 'no dimension'} is no image, H x W or H x W x C")
    height, width, *rest = shape
    return height, width, rest[0] if rest else 1


def reader_of(path: Path, start: bytes, readers: Iterable[Reader]) -> Reader | None:
    """The first reader that takes a file, which begins with these bytes; None where it is Pillow's."""
    return next((reader for reader in readers if reader.accepts(start, path)), None)
