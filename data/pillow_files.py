"""Image files as Pillow opens them: of the formats that are read, recognised by their content."""

import functools
import os
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from PIL import Image

from pixlate.util.text import one_line

from .bad_image import BadImageError
from .formats import FORMATS
from .unsupported import other_format, unsupported_kind


def format_of(path: str | os.PathLike[str], prefix: bytes) -> str:
    """The format, one of FORMATS, that the first bytes of a file show. Raises BadImageError for any other."""
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


def identified(name: str, file: BinaryIO) -> Image.Image:
    """Open an image without reading its pixels.

    As `Image.open`, but of one format, and without its warning about large images: `_checked` rejects those.
    """
    file.seek(0)
    try:
        image: Image.Image = _openers()[name][0](file, "")
        return image
    except (SyntaxError, IndexError, TypeError, KeyError, struct.error) as error:  # what `Image.open` ignores
        raise NotIdentified(one_line(error)) from None


@functools.cache
def _openers() -> dict[str, tuple[Callable[..., Any], Callable[[bytes], Any] | None]]:
    """For each format: the function that opens it, and one that recognises its first bytes."""
    Image.init()
    return {name: Image.OPEN[name] for name in FORMATS if name in Image.OPEN}


def reason_of(name: str, file: BinaryIO, error: Exception) -> str:
    problem = one_line(error)
    if kind := unsupported_kind(name, file, problem):
        return f"it is {kind}, which is not supported; save it as 8-bit RGB, or as grey of 8, 16 or 32 bits"
    if isinstance(error, NotIdentified):
        return f"it is a damaged {name} file"
    return error.strerror if isinstance(error, OSError) and error.strerror else f"it is damaged ({problem})"


class NotIdentified(Exception):
    """Pillow does not open a file that starts as one of its formats."""
