"""Writers of image files that keep the type and the channels of their values."""

import io
from abc import ABC, abstractmethod
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from pixlate.plugins.field import Colour
from pixlate.util.files import write_whole

from .readers import PixelSize, Values


class Writer(ABC):
    """Writes files of one format. It has no state, and is constructed without arguments.

    - suffix: of its files: ".tif".
    """

    suffix: ClassVar[str] = ""

    @abstractmethod
    def accepts(self, values: Values) -> bool:
        """Whether it can write an array H×W×C of that type and number of channels without a loss."""

    @abstractmethod
    def encode(self, values: Values) -> bytes:
        """The content of the file."""

    def encode_measured(self, values: Values, pixel_size: PixelSize) -> bytes:
        """The same where the physical size of a pixel is known, in a format that can hold it."""
        return self.encode(values)


class PngWriter(Writer):
    """PNG: 8-bit grey and colours, 16-bit grey, and with imagecodecs 16-bit colours."""

    suffix = ".png"

    def accepts(self, values: Values) -> bool:
        channels = values.shape[2]
        if values.dtype == np.uint16 and channels in (3, 4):
            return find_spec("imagecodecs") is not None
        return (values.dtype == np.uint8 and channels in (1, 3, 4)) or (values.dtype == np.uint16 and channels == 1)

    def encode(self, values: Values) -> bytes:
        if values.dtype == np.uint8 or values.shape[2] == 1:
            return _with_pillow(values, "PNG")
        import imagecodecs

        return bytes(imagecodecs.png_encode(np.ascontiguousarray(values)))


class TiffWriter(Writer):
    """TIFF: one channel of 8, 16 or 32 bits by Pillow; any other real numbers and channels with tifffile."""

    suffix = ".tif"

    def accepts(self, values: Values) -> bool:
        return self._is_pillows(values) or (find_spec("tifffile") is not None and values.dtype.kind in "uif")

    def encode(self, values: Values) -> bytes:
        if self._is_pillows(values):
            return _with_pillow(values, "TIFF")
        return _with_tifffile(values)

    def encode_measured(self, values: Values, pixel_size: PixelSize) -> bytes:
        """With the size in the metadata of OME, if tifffile is installed."""
        if find_spec("tifffile") is None:
            return self.encode(values)
        return _with_tifffile(values, pixel_size)

    @staticmethod
    def _is_pillows(values: Values) -> bool:
        channels = values.shape[2]
        one = channels == 1 and values.dtype in (np.uint8, np.uint16, np.int32, np.float32)
        return one or (values.dtype == np.uint8 and channels in (3, 4))


class NumpyWriter(Writer):
    """NumPy's own format, for any array."""

    suffix = ".npy"

    def accepts(self, values: Values) -> bool:
        return values.dtype.kind in "uif"

    def encode(self, values: Values) -> bytes:
        data = io.BytesIO()
        np.save(data, values, allow_pickle=False)
        return data.getvalue()


BUILTIN: tuple[Writer, ...] = (PngWriter(), TiffWriter(), NumpyWriter())


def writer_for(values: Values, suffix: str, writers: Iterable[Writer] = BUILTIN) -> Writer:
    """The writer of files with that suffix if it can write the values, else a TIFF or NumPy file's.

    - suffix: of the input file, in whose format the result is wanted.
    """
    able = [writer for writer in writers if writer.accepts(values)]
    wanted = suffix.lower().replace(".tiff", ".tif")
    same = [writer for writer in able if writer.suffix == wanted]
    others = [writer for writer in able if writer.suffix in (TiffWriter.suffix, NumpyWriter.suffix)]
    return next(iter([*same, *others, *able]))


def save_values(values: Values, path: Path, writer: Writer, pixel_size: PixelSize | None = None) -> None:
    """Write a file atomically. Raises DataError where it cannot be written."""
    write_whole(path, writer.encode_measured(values, pixel_size) if pixel_size else writer.encode(values))


def save_classes(values: Values, path: Path, palette: Iterable[Colour]) -> None:
    """Write the numbers of classes, H×W×1, as a PNG file with a palette; more than 256 classes as 16-bit grey.

    Raises DataError where it cannot be written.
    """
    if values.dtype != np.uint8:
        write_whole(path, PngWriter().encode(values))
        return
    data = io.BytesIO()
    class_image(values, palette).save(data, "PNG")
    write_whole(path, data.getvalue())


def class_image(values: Values, palette: Iterable[Colour]) -> Image.Image:
    """The numbers of at most 256 classes, H×W×1, as an image with a palette."""
    image = Image.fromarray(np.ascontiguousarray(values[..., 0]))
    image.putpalette([level for colour in palette for level in colour])
    return image


def _with_tifffile(values: Values, pixel_size: PixelSize | None = None) -> bytes:
    import tifffile  # here, because it is optional

    data = io.BytesIO()
    plain = values[..., 0] if values.shape[2] == 1 else values
    colours = "rgb" if values.shape[2] == 3 and values.dtype in (np.uint8, np.uint16) else "minisblack"
    planar = "contig" if plain.ndim == 3 else None
    ome = None if pixel_size is None else _ome(pixel_size, "YXS" if planar else "YX")
    tifffile.imwrite(data, plain, photometric=colours, planarconfig=planar, metadata=ome, ome=ome is not None)
    return data.getvalue()


def _ome(pixel_size: PixelSize, axes: str) -> dict[str, Any]:
    """What tifffile writes as OME metadata."""
    sizes = {"PhysicalSizeX": pixel_size.width, "PhysicalSizeY": pixel_size.height}
    return {"axes": axes, **sizes, "PhysicalSizeXUnit": pixel_size.unit, "PhysicalSizeYUnit": pixel_size.unit}


def _with_pillow(values: Values, name: str) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(values[..., 0] if values.shape[2] == 1 else values))
    data = io.BytesIO()
    image.save(data, name)
    return data.getvalue()
