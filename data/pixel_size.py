"""The physical size of a pixel of a result, from the file that it is computed from."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from .readers import PREFIX, PixelSize, Reader, reader_of
from .reading import Reading, read_header
from .tiff import TiffReader
from .transforms import Transform


def pixel_size_of(path: Path, readers: Iterable[Reader]) -> PixelSize | None:
    """The physical size of a pixel in a file; None where it does not tell, or cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(PREFIX)
        # Pillow reads grey TIFF files of 16 bits, and does not know what OME and ImageJ write into them.
        reader = reader_of(path, start, readers) or (TiffReader() if TiffReader.is_tiff(start) else None)
        return reader.pixel_size(path) if reader else None
    except Exception:  # of a reader, for a damaged file: a result without a pixel size is better than none
        return None


def result_pixel_size(path: Path, how: Reading, transform: Transform, output_scale: int | Fraction) -> PixelSize | None:
    """The physical size of a pixel of the image that a model computes from a file.

    - transform: by which the file was resized; output_scale: of the model.
    """
    size = pixel_size_of(path, how.readers)
    if size is None:
        return None
    stored = read_header(path, how).size
    width, height = transform.resized(stored)
    across, down = (float(side * output_scale) for side in (width, height))
    return PixelSize(size.width * stored[0] / across, size.height * stored[1] / down, size.unit)
