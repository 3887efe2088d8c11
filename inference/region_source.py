"""Files of images of which regions are read, as tensors in the form that a model takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image
from torch import Tensor

from pixlate.data.field_values import EIGHT_BIT
from pixlate.data.metadata import in_srgb
from pixlate.data.readers import PREFIX, Values
from pixlate.data.reading import BadImageError, Reading, read_file
from pixlate.data.tiff import TiffReader
from pixlate.data.value_range import ValueRange, measured
from pixlate.errors import OptionError
from pixlate.util.optional import require_extra
from pixlate.util.text import one_line, quoted

from .conversion import to_tensor
from .engine import Engine
from .tiling.tiff_regions import TiffRegions

_BAND = 512  # rows that are read at once where a whole file is measured
_MOST_PER_BYTE = 10_000  # bytes of values for a byte of a file; more is no image


class TranslatesFiles(Protocol):
    """What of a Translator is needed here."""

    engine: Engine
    reading: Reading
    value_range: ValueRange | None


class Regions(Protocol):
    """An image of which regions of values h×w×C are read; see `TiffRegions`."""

    height: int
    width: int
    channels: int
    dtype: str
    profile: bytes
    is_pyramid: bool
    is_ome: bool

    def read(self, top: int, bottom: int, left: int, right: int) -> Values:
        """The rows [top, bottom) and the columns [left, right)."""


@contextmanager
def opened_regions(path: Path, reading: Reading) -> Iterator[Regions]:
    """The regions of a file: read from a TIFF file, or of another one that is decoded whole. Raises BadImageError."""
    regions = _tiff_regions(path, reading)
    if regions is None:
        yield _Decoded(read_file(path, reading))
        return
    try:
        yield regions
    finally:
        regions.close()


def _tiff_regions(path: Path, reading: Reading) -> TiffRegions | None:
    """None for a file that is read whole."""
    try:
        with path.open("rb") as file:
            if not TiffReader.is_tiff(file.read(PREFIX)):
                return None
        require_extra("tifffile", "formats", f"reading {quoted(path)} by tiles")
        regions = TiffRegions(path)
    except OptionError:
        raise
    except Exception:  # it cannot be read by regions, or not at all: reading the whole says why
        return None
    most = reading.max_pixels
    size = regions.height * regions.width * regions.channels * np.dtype(regions.dtype).itemsize
    problem = ""
    if most is not None and regions.segment_pixels > most:
        problem = f"it is stored in pieces of {regions.segment_pixels} pixels, and --max_image_pixels allows {most}"
    elif size > _MOST_PER_BYTE * path.stat().st_size:
        problem = f"it is too small a file for {regions.width} x {regions.height} pixels"
    if problem:
        regions.close()
        raise BadImageError.of(path, problem)
    return regions


class _Decoded:
    """Regions of an image in memory."""

    profile = b""  # its colours are converted already
    is_pyramid = is_ome = False

    def __init__(self, image: Image.Image | Values) -> None:
        self._image = image
        if isinstance(image, Image.Image):
            (self.width, self.height), self.dtype, self.channels = image.size, "uint8", 3
        else:
            self.height, self.width, self.channels = image.shape
            self.dtype = image.dtype.name

    def image(self, top: int, bottom: int, left: int, right: int) -> Image.Image | Values:
        """A region as the whole is."""
        if isinstance(self._image, Image.Image):
            return self._image.crop((left, top, right, bottom))
        return self._image[top:bottom, left:right]

    def read(self, top: int, bottom: int, left: int, right: int) -> Values:
        values = np.asarray(self.image(top, bottom, left, right))
        return values if values.ndim == 3 else values[..., None]


class RegionSource:
    """The regions of a file as tensors, converted as a Translator converts a whole image."""

    def __init__(self, path: Path, regions: Regions, translator: TranslatesFiles) -> None:
        self._path, self._regions, self._engine = path, regions, translator.engine
        self.height, self.width = regions.height, regions.width
        self._profile = b"" if translator.reading.ignore_metadata else regions.profile
        self._range = translator.value_range
        if self._range is None and regions.dtype not in ("uint8", "uint16"):
            self._range = self._measured()

    def read(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """1×C×h×w in [-1, 1]."""
        field = self._engine.fields.get("A", EIGHT_BIT)
        if isinstance(self._regions, _Decoded):
            image = self._regions.image(top, bottom, left, right)
        else:
            image = self._image(self._values(top, bottom, left, right))
        return to_tensor(image, field, self._engine.channels[0], self._range)

    def _values(self, top: int, bottom: int, left: int, right: int) -> Values:
        try:
            return self._regions.read(top, bottom, left, right)
        except Exception as error:  # tifffile and its decoders raise many types for damaged files
            raise BadImageError.of(self._path, f"it is damaged ({one_line(error)})") from None

    def _image(self, values: Values) -> Image.Image | Values:
        if values.dtype != np.uint8 or values.shape[2] not in (1, 3, 4):
            return values
        image = Image.fromarray(np.ascontiguousarray(values[..., 0] if values.shape[2] == 1 else values))
        if self._profile:
            image.info["icc_profile"] = self._profile
        return in_srgb(image)

    def _measured(self) -> ValueRange:
        """The range of all values: each tile by its own would differ from the next."""
        width, height = self.width, self.height
        bands = (self._values(top, min(height, top + _BAND), 0, width) for top in range(0, height, _BAND))
        return measured(bands)
