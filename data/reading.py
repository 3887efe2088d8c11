"""Reads image files. All data sets read by this module, so that support for a format is added in one place.

Every image is converted to 8-bit RGB:

- colour, grey, palette and CMYK images by Pillow, as in the reference; CIELAB by its definition;
- the EXIF orientation is applied and colours are converted from the ICC profile to sRGB, unless `ignore_metadata`,
  which is the reference's behaviour;
- transparent pixels are composited on white, whereas the reference shows their hidden colour;
- grey values of more than 8 bits are scaled by the range of the data set, whereas the reference clips values above 255;
- of several frames the first is read.
"""

import functools
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import numpy as np
from PIL import Image

from pixlate.errors import DataError
from pixlate.util.files import optional_flags
from pixlate.util.text import one_line, quoted

from .formats import FORMATS
from .metadata import in_srgb, lab_to_rgb, orientation, profile_of, upright, upright_size
from .png import is_text_limit, without_texts
from .unsupported import PREFIX, other_format, unsupported_kind
from .value_range import ValueRange, is_deep, range_of_type

StrPath = str | os.PathLike[str]
T = TypeVar("T")


class BadImageError(DataError):
    """An image file that cannot be read; `path` is its path."""

    path: str = ""

    @classmethod
    def of(cls, path: StrPath, reason: str) -> "BadImageError":
        """The error for a file; `reason` is half a sentence, such as "it is empty"."""
        error = cls(f"cannot read {quoted(path)} as an image: {reason}.")
        error.path = os.fspath(path)
        return error


@dataclass(frozen=True)
class Reading:
    """How files are read: whether their metadata are ignored, and the pixels that an image may have (None: any)."""

    ignore_metadata: bool = False
    max_pixels: int | None = Image.MAX_IMAGE_PIXELS


DEFAULT = Reading()


@dataclass(frozen=True)
class Header:
    """What the header of an image file tells.

    - size: width and height of the image as it is read.
    - turned: the EXIF orientation is applied; profile: the ICC profile that colours are converted from, or empty.
    - deep: its values have more than 8 bits.
    """

    size: tuple[int, int]
    turned: bool = False
    profile: bytes = b""
    deep: bool = False


def read_image(path: StrPath, how: Reading = DEFAULT, value_range: ValueRange | None = None) -> Image.Image:
    """The image in a file as 8-bit RGB. Raises BadImageError, with the path and the reason, if it cannot be read.

    - value_range: of values of more than 8 bits; None for the range of the image's type.
    """
    return to_rgb(read_original(path, how), value_range)


def read_original(path: StrPath, how: Reading = DEFAULT) -> Image.Image:
    """The decoded image in a file, in its own mode; its metadata are applied. Raises BadImageError."""

    def decode(image: Image.Image) -> Image.Image:
        turn = 1 if how.ignore_metadata else orientation(image)
        image.load()
        return image if how.ignore_metadata else in_srgb(upright(image, turn))

    return _with_image(path, how, decode)


def read_header(path: StrPath, how: Reading = DEFAULT) -> Header:
    """What the header of an image file tells. Raises BadImageError as `read_image` does, except for later damage."""

    def describe(image: Image.Image) -> Header:
        turn = 1 if how.ignore_metadata else orientation(image)
        profile = b"" if how.ignore_metadata else profile_of(image)
        return Header(upright_size(image.size, turn), turn != 1, profile, is_deep(image))

    return _with_image(path, how, describe)


def image_size(path: StrPath) -> tuple[int, int]:
    """Width and height of the image in a file, from its header alone. Raises BadImageError."""
    return read_header(path).size


def with_metadata(image: Image.Image) -> Image.Image:
    """An image of a caller as a file of it would be read: upright, and in sRGB."""
    return in_srgb(upright(image, orientation(image)))


def to_rgb(image: Image.Image, value_range: ValueRange | None = None) -> Image.Image:
    """Convert an image of any mode to 8-bit RGB, by the rules in this module's docstring."""
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


def _with_image(path: StrPath, how: Reading, use: Callable[[Image.Image], T]) -> T:
    """The result of `use` for the opened image of a file; a failure is a BadImageError."""
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise BadImageError.of(path, "it is empty")
            name = _format_of(path, file)
            try:
                try:
                    return use(_checked(path, how, _identified(name, file)))
                except ValueError as error:
                    if not is_text_limit(error):
                        raise
                copy, profile = without_texts(file)
                image = _identified(name, copy)
                image.info["icc_profile"] = profile
                return use(_checked(path, how, image))
            except BadImageError:
                raise
            except MemoryError:
                raise BadImageError.of(path, "there is not enough memory for it") from None
            except Exception as error:  # Pillow raises many types: SyntaxError, ValueError, OSError, struct.error, …
                raise BadImageError.of(path, _reason(name, file, error)) from None
    except OSError as error:
        raise BadImageError.of(path, error.strerror or one_line(error)) from None


def _open_without_waiting(path: str, flags: int) -> int:
    """A file's descriptor; of a pipe too, which is then said to be empty instead of waited for."""
    return os.open(path, flags | optional_flags())


def _reason(name: str, file: BinaryIO, error: Exception) -> str:
    problem = one_line(error)
    if kind := unsupported_kind(name, file, problem):
        return f"it is {kind}, which is not supported; save it as 8-bit RGB, or as grey of 8, 16 or 32 bits"
    if isinstance(error, _NotIdentified):
        return f"it is a damaged {name} file"
    return error.strerror if isinstance(error, OSError) and error.strerror else f"it is damaged ({problem})"


class _NotIdentified(Exception):
    """Pillow does not open a file that starts as one of its formats."""


def _format_of(path: StrPath, file: BinaryIO) -> str:
    """The format, one of FORMATS, that the first bytes of a file show. Raises BadImageError for any other."""
    prefix = file.read(PREFIX)
    for name, (_, accepts) in _openers().items():
        if accepts is not None and (answer := accepts(prefix[:16])):
            if answer is True:
                return name
            raise BadImageError.of(path, f"this installation of Pillow does not read {name} files")
    other = other_format(prefix)
    formats = ", ".join(_openers())
    if other:
        raise BadImageError.of(path, f"it is a file of the format {other}, and has none of the formats {formats}")
    raise BadImageError.of(path, f"it has none of the formats {formats}")


def _identified(name: str, file: BinaryIO) -> Image.Image:
    """Open an image without reading its pixels.

    As `Image.open`, but of one format, and without its warning about large images: `_checked` rejects those.
    """
    file.seek(0)
    try:
        image: Image.Image = _openers()[name][0](file, "")
        return image
    except (SyntaxError, IndexError, TypeError, KeyError, struct.error) as error:  # what `Image.open` ignores
        raise _NotIdentified(one_line(error)) from None


@functools.cache
def _openers() -> dict[str, tuple[Callable[..., Any], Callable[[bytes], Any] | None]]:
    """For each format: the function that opens it, and one that recognises its first bytes."""
    Image.init()
    return {name: Image.OPEN[name] for name in FORMATS if name in Image.OPEN}


def _checked(path: StrPath, how: Reading, image: Image.Image) -> Image.Image:
    """The image; raises BadImageError for one without pixels, or with so many that it could exhaust the memory."""
    width, height = image.size
    if min(image.size) < 1:
        raise BadImageError.of(path, "it has no pixels")
    if how.max_pixels is not None and width * height > how.max_pixels:
        raise BadImageError.of(
            path,
            f"it has {width} x {height} pixels, and --max_image_pixels allows {how.max_pixels}; if the file is "
            f"trusted, use --max_image_pixels {width * height}",
        )
    return image
