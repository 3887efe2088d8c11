"""Reads image files. All data sets read by this module.

Files of readers, and grey images of more than 8 bits, are read as arrays of their values. Every other image is
converted to 8-bit RGB:

- colour, grey, palette and CMYK images by Pillow, as in the reference; CIELAB by its definition;
- the EXIF orientation is applied and colours are converted from the ICC profile to sRGB, unless `ignore_metadata`,
  which is the reference's behaviour;
- transparent pixels are composited on white, whereas the reference shows their hidden colour;
- of several frames the first is read.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from pixlate.errors import DataError
from pixlate.util.files import optional_flags
from pixlate.util.text import one_line

from .bad_image import BadImageError as BadImageError
from .current_readers import BUILTIN
from .metadata import in_srgb, lab_to_rgb, orientation, profile_of, upright, upright_size
from .pillow_files import format_of, identified, reason_of
from .png import is_text_limit, without_texts
from .readers import PREFIX, Reader, Shape, Values, is_png_16, reader_of
from .tiff import TiffReader, tile_size
from .value_range import ValueRange, dtype_of, is_deep, measured, range_of_type

StrPath = str | os.PathLike[str]
T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """How files are read.

    - ignore_metadata: whether EXIF orientation and colour profiles are ignored.
    - max_pixels: the pixels that an image may have; None: any.
    - readers: of what Pillow does not read.
    """

    ignore_metadata: bool = False
    max_pixels: int | None = Image.MAX_IMAGE_PIXELS
    readers: tuple[Reader, ...] = BUILTIN


DEFAULT = Reading()


@dataclass(frozen=True)
class Header:
    """What the header of an image file tells.

    - size: width and height of the image as it is read.
    - turned: the EXIF orientation is applied; profile: the ICC profile that colours are converted from, or empty.
    - deep: it is read as an array: its values have more than 8 bits, or its channels are not those of colours.
    - channels: 3 for every image that is not deep; dtype: the type of the values, by NumPy's name.
    - cut: it has colours of 16 bits, of which 8 are read.
    """

    size: tuple[int, int]
    turned: bool = False
    profile: bytes = b""
    deep: bool = False
    channels: int = 3
    dtype: str = "uint8"
    cut: bool = False


def read_image(path: StrPath, how: Reading = DEFAULT, value_range: ValueRange | None = None) -> Image.Image:
    """The image in a file as 8-bit RGB. Raises BadImageError, with the path and the reason, if it cannot be read.

    - value_range: of values of more than 8 bits; None for the range of the image's type.
    """
    return to_rgb(read_original(path, how), value_range)


def read_file(path: StrPath, how: Reading = DEFAULT) -> Image.Image | Values:
    """The content of a file: an image of 8 bits in its own mode, or an array H×W×C. Raises BadImageError."""
    original = read_original(path, how)
    if isinstance(original, Image.Image) and is_deep(original):
        return np.asarray(original)[..., None]
    return original


def read_original(path: StrPath, how: Reading = DEFAULT) -> Image.Image | Values:
    """The decoded image in a file, in its own mode, its metadata applied; or the array of a reader.

    Raises BadImageError.
    """

    def decode(image: Image.Image) -> Image.Image:
        turn = 1 if how.ignore_metadata else orientation(image)
        image.load()
        return image if how.ignore_metadata else in_srgb(upright(image, turn))

    def read(reader: Reader, shape: Shape) -> Image.Image | Values:
        values = reader.read(Path(path))
        if values.ndim != 3 or values.dtype.kind not in "buif":
            raise BadImageError.of(path, f"it holds an array of {values.dtype} that is no image, H x W x C of numbers")
        if values.dtype == np.bool_:
            values = values.astype(np.uint8) * np.uint8(255)
        if values.dtype == np.uint8 and values.shape[2] in (1, 3, 4):
            return Image.fromarray(np.ascontiguousarray(values[..., 0] if values.shape[2] == 1 else values))
        return values

    return _with_image(path, how, decode, read)


def read_header(path: StrPath, how: Reading = DEFAULT) -> Header:
    """What the header of an image file tells. Raises BadImageError as `read_image` does, except for later damage."""

    def describe(image: Image.Image) -> Header:
        turn = 1 if how.ignore_metadata else orientation(image)
        profile = b"" if how.ignore_metadata else profile_of(image)
        size = upright_size(image.size, turn)
        if not is_deep(image):
            return Header(size, turn != 1, profile, cut=image.format == "PNG" and _has_16_bits(path))
        return Header(size, turn != 1, profile, deep=True, channels=1, dtype=dtype_of(image))

    def of(reader: Reader, shape: Shape) -> Header:
        colours = shape.dtype in ("uint8", "bool") and shape.channels in (1, 3, 4)
        size = shape.width, shape.height
        return Header(size) if colours else Header(size, deep=True, channels=shape.channels, dtype=shape.dtype)

    return _with_image(path, how, describe, of)


def _has_16_bits(path: StrPath) -> bool:
    with open(path, "rb") as file:
        return is_png_16(file.read(PREFIX))


def image_size(path: StrPath) -> tuple[int, int]:
    """Width and height of the image in a file, from its header alone. Raises BadImageError."""
    return read_header(path).size


def with_metadata(image: Image.Image) -> Image.Image:
    """An image of a caller as a file of it would be read: upright, and in sRGB."""
    return in_srgb(upright(image, orientation(image)))


def to_rgb(image: Image.Image | Values, value_range: ValueRange | None = None) -> Image.Image:
    """Convert an image of any mode to 8-bit RGB, by the rules in this module's docstring.

    Values of more than 8 bits are scaled by the range; of an array with other channels than colours, the first is grey.
    """
    if not isinstance(image, Image.Image):
        levels = (value_range or measured([image])).to_8_bit(image)
        return Image.fromarray(levels if levels.shape[2] == 3 else levels[..., 0]).convert("RGB")
    if is_deep(image):
        levels = (value_range or range_of_type(image)).to_8_bit(np.asarray(image))
        return Image.fromarray(levels).convert("RGB")
    if image.mode == "LAB":
        return lab_to_rgb(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(background, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _with_image(
    path: StrPath, how: Reading, use: Callable[[Image.Image], T], use_reader: Callable[[Reader, Shape], T]
) -> T:
    """The result of `use` for the opened image of a file, or of `use_reader`; a failure is a BadImageError."""
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise BadImageError.of(path, "it is empty")
            start = file.read(PREFIX)
            if TiffReader.is_tiff(start):
                _check_tiles(path, how)
            reader = reader_of(Path(path), start, how.readers)
            if reader is not None:
                return _with_reader(path, how, reader, use_reader)
            name = format_of(path, start)
            try:
                try:
                    return use(_checked(path, how, identified(name, file)))
                except ValueError as error:
                    if not is_text_limit(error):
                        raise
                copy, profile = without_texts(file)
                image = identified(name, copy)
                image.info["icc_profile"] = profile
                return use(_checked(path, how, image))
            except BadImageError:
                raise
            except MemoryError:
                raise BadImageError.of(path, "there is not enough memory for it") from None
            except Exception as error:  # Pillow raises many types: SyntaxError, ValueError, OSError, struct.error, …
                raise BadImageError.of(path, reason_of(name, file, error)) from None
    except OSError as error:
        raise BadImageError.of(path, error.strerror or one_line(error)) from None


def _open_without_waiting(path: str, flags: int) -> int:
    """A file's descriptor; of a pipe too, which is then said to be empty instead of waited for."""
    return os.open(path, flags | optional_flags())


def _with_reader(path: StrPath, how: Reading, reader: Reader, use: Callable[[Reader, Shape], T]) -> T:
    """The result of `use` for a file that a reader takes; a failure is a BadImageError."""
    try:
        shape = reader.shape(Path(path))
        _check_size(path, how, (shape.width, shape.height))
        return use(reader, shape)
    except BadImageError:
        raise
    except MemoryError:
        raise BadImageError.of(path, "there is not enough memory for it") from None
    except DataError as error:  # what the reader needs is not installed
        raise BadImageError.of(path, str(error).rstrip(".")) from None
    except Exception as error:  # a reader is a plugin's
        raise BadImageError.of(path, f"it is damaged ({one_line(error).rstrip('.')})") from None


def _checked(path: StrPath, how: Reading, image: Image.Image) -> Image.Image:
    """The image; raises BadImageError for one without pixels, or with so many that it could exhaust the memory."""
    _check_size(path, how, image.size)
    return image


def _check_tiles(path: StrPath, how: Reading) -> None:
    width, height = tile_size(Path(path))
    if how.max_pixels is not None and width * height > how.max_pixels:
        raise BadImageError.of(
            path, f"its tiles have {width} x {height} pixels, and --max_image_pixels allows {how.max_pixels}"
        )


def _check_size(path: StrPath, how: Reading, size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < 1:
        raise BadImageError.of(path, "it has no pixels")
    if how.max_pixels is not None and width * height > how.max_pixels:
        raise BadImageError.of(
            path,
            f"it has {width} x {height} pixels, and --max_image_pixels allows {how.max_pixels}; if the file is "
            f"trusted, use --max_image_pixels {width * height}",
        )
