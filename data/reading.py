"""Reads image files. All data sets use `read_image`, so that support for a format is added in one place.

Every image is converted to 8-bit RGB:

- colour, grey, palette and CMYK images by Pillow, as in the reference;
- transparent pixels are composited on white, whereas the reference shows their hidden colour;
- 16-bit grey is scaled to 8 bits, whereas the reference clips values above 255; integers beyond 16 bits are scaled so
  that the image's maximum is white;
- floating-point values are scaled from [0, 1] if all are in that range, else from [0, 255], else from the range of the
  image; NaN and infinities count as 0;
- the EXIF orientation is not applied, as in the reference; of several frames the first is read.
"""

import functools
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlate.errors import DataError
from pixlate.util.text import one_line, quoted

from .formats import FORMATS

StrPath = str | os.PathLike[str]


class BadImageError(DataError):
    """An image file that cannot be read; `path` is its path."""

    path: str = ""

    @classmethod
    def of(cls, path: StrPath, reason: str) -> "BadImageError":
        """The error for a file; `reason` is half a sentence, such as "it is empty"."""
        error = cls(f"cannot read {quoted(path)} as an image: {reason}.")
        error.path = os.fspath(path)
        return error


def read_image(path: StrPath) -> Image.Image:
    """The image in a file as 8-bit RGB. Raises BadImageError, with the path and the reason, if it cannot be read."""
    with _opened(path) as image:
        image.load()
        return to_rgb(image)


def image_size(path: StrPath) -> tuple[int, int]:
    """Width and height of the image in a file, from its header alone.

    Raises BadImageError as `read_image` does, except for damage beyond the header.
    """
    with _opened(path) as image:
        return image.size


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to 8-bit RGB, by the rules in this module's docstring."""
    if image.mode.startswith("I"):  # 32-bit "I", and "I;16" with its byte orders
        return _from_grey(_from_integers(np.asarray(image)))
    if image.mode == "F":
        return _from_grey(_from_floats(np.asarray(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(background, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


@contextmanager
def _opened(path: StrPath) -> Iterator[Image.Image]:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise BadImageError.of(path, "it is empty")
            image = _identify(path, file)
            _check_size(path, image.size)
            yield image
    except BadImageError:
        raise
    except OSError as error:
        raise BadImageError.of(path, error.strerror or one_line(error)) from None
    except MemoryError:
        raise BadImageError.of(path, "there is not enough memory for it") from None
    except Exception as error:  # Pillow raises many types for a damaged file: SyntaxError, ValueError, struct.error, …
        raise BadImageError.of(path, f"it is damaged ({one_line(error)})") from None


def _identify(path: StrPath, file: BinaryIO) -> Image.Image:
    """Open an image without reading its pixels.

    As `Image.open`, but limited to FORMATS, and without its warning about large images: `_check_size` rejects those.
    """
    prefix = file.read(16)
    reason = f"it has none of the formats {', '.join(_openers())}"
    for name, (opener, accepts) in _openers().items():
        if accepts is not None and accepts(prefix) is True:
            file.seek(0)
            try:
                image: Image.Image = opener(file, "")
                return image
            except (SyntaxError, IndexError, TypeError, KeyError, struct.error):  # what `Image.open` ignores
                reason = f"it is a damaged {name} file"
    raise BadImageError.of(path, reason)


@functools.cache
def _openers() -> dict[str, tuple[Callable[..., Any], Callable[[bytes], Any] | None]]:
    """For each format: the function that opens it, and one that recognises its first bytes."""
    Image.init()
    return {name: Image.OPEN[name] for name in FORMATS if name in Image.OPEN}


def _check_size(path: StrPath, size: tuple[int, int]) -> None:
    """Raise BadImageError for an image without pixels, or with so many that decoding could exhaust the memory."""
    limit = Image.MAX_IMAGE_PIXELS  # users may change it, or set it to None
    if min(size) < 1:
        raise BadImageError.of(path, "it has no pixels")
    if limit is not None and size[0] * size[1] > limit:
        raise BadImageError.of(
            path, f"it has {size[0]} x {size[1]} pixels, and the largest safe number of pixels is {limit}"
        )


def _from_integers(values: NDArray[Any]) -> NDArray[np.uint8]:
    wide = values.astype(np.int64).clip(0)  # the product with 255 exceeds 32 bits
    maximum = int(wide.max())
    white = 65535 if maximum <= 65535 else maximum
    return ((wide * 255 + white // 2) // white).astype(np.uint8)  # rounded to the nearest


def _from_floats(values: NDArray[Any]) -> NDArray[np.uint8]:
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if low < 0 or high > 255:
        finite = (finite - low) / (high - low or 1.0)
    elif high > 1:
        finite = finite / 255
    return (finite * 255 + 0.5).astype(np.uint8)


def _from_grey(values: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(values).convert("RGB")
