"""Reads image files. Every data set reads through `read_image`, so that a new kind of file needs one place.

Whatever a file holds comes back as 8-bit RGB:

- colour, grey, palette and CMYK files as Pillow converts them, which is what the reference does;
- transparent pixels are laid on white, where the reference shows the colour hidden beneath them;
- 16-bit grey is scaled to 8 bits, where the reference clips everything above 255; integers beyond 16 bits
  are scaled so that the image's maximum is white;
- floating-point values: [0, 1] is black to white, else [0, 255] is, else the image's own range; NaN is black;
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

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".tif", ".tiff")
#: The formats that are read, whatever a file's name is. Pillow has more; some of them start other programs.
FORMATS = ("PNG", "JPEG", "PPM", "BMP", "TIFF", "GIF", "WEBP", "JPEG2000", "AVIF")

StrPath = str | os.PathLike[str]


class BadImageError(DataError):
    """An image file that cannot be read; `path` is its name."""

    path: str = ""

    @classmethod
    def of(cls, path: StrPath, reason: str) -> "BadImageError":
        """The error for one file, with the reason as half a sentence."""
        error = cls(f"cannot read {quoted(path)} as an image: {reason}.")
        error.path = os.fspath(path)
        return error


def read_image(path: StrPath) -> Image.Image:
    """The image in a file as 8-bit RGB.

    Raises BadImageError, naming the file, for whatever goes wrong.
    """
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
    """An image of any mode as 8-bit RGB, by the rules at the head of this module."""
    if image.mode.startswith("I"):
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
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise BadImageError.of(path, f"it is damaged ({one_line(error)})") from None


def _identify(path: StrPath, file: BinaryIO) -> Image.Image:
    """The image, its pixels unread. As `Image.open`, but without its warning about sizes, which is no error."""
    prefix = file.read(16)
    reason = f"it holds none of the formats {', '.join(_openers())}"
    for name, (opener, accepts) in _openers().items():
        if accepts is not None and accepts(prefix) is True:
            file.seek(0)
            try:
                image: Image.Image = opener(file, "")
                return image
            except (SyntaxError, IndexError, TypeError, KeyError, struct.error):
                reason = f"it is a damaged {name} file"
    raise BadImageError.of(path, reason)


@functools.cache
def _openers() -> dict[str, tuple[Callable[..., Any], Callable[[bytes], Any] | None]]:
    Image.init()
    return {name: Image.OPEN[name] for name in FORMATS if name in Image.OPEN}


def _check_size(path: StrPath, size: tuple[int, int]) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if min(size) < 1:
        raise BadImageError.of(path, "it has no pixels")
    if limit is not None and size[0] * size[1] > limit:
        raise BadImageError.of(
            path, f"its header says {size[0]} x {size[1]} pixels, and the largest safe number of pixels is {limit}"
        )


def _from_integers(values: NDArray[Any]) -> NDArray[np.uint8]:
    wide = values.astype(np.int64).clip(0)
    top = int(wide.max())
    full = 65535 if top <= 65535 else top
    return ((wide * 255 + full // 2) // full).astype(np.uint8)


def _from_floats(values: NDArray[Any]) -> NDArray[np.uint8]:
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if low < 0 or high > 255:
        numbers = (numbers - low) / (high - low or 1.0)
    elif high > 1:
        numbers = numbers / 255
    return (numbers * 255 + 0.5).astype(np.uint8)


def _from_grey(values: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(values).convert("RGB")
