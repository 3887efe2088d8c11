"""Images as the data tools read, join, cut and write them: 8-bit ones by Pillow, others with their own values."""

from pathlib import Path

import numpy as np
from PIL import Image

from pixlate.data.readers import Values
from pixlate.data.reading import BadImageError, read_file, to_rgb
from pixlate.data.writers import writer_for
from pixlate.util.files import make_folder, write_whole
from pixlate.util.image_io import save_image

Content = Image.Image | Values
SUFFIXES = {"png": ".png", "jpg": ".jpg"}


def read(path: Path) -> Content:
    """An image upright and in its own mode, grey or colours; or an array of other values. Raises BadImageError."""
    content = read_file(path)
    if isinstance(content, Image.Image):
        return content if content.mode == "L" else to_rgb(content)
    return content


def size_of(content: Content) -> tuple[int, int]:
    """Width and height."""
    return content.size if isinstance(content, Image.Image) else (content.shape[1], content.shape[0])


def resized(content: Content, size: tuple[int, int], *, nearest: bool, path: Path) -> Content:
    """The image with that width and height, bicubic or without interpolation. Raises BadImageError for an array."""
    if size_of(content) == size:
        return content
    if not isinstance(content, Image.Image):
        raise BadImageError.of(path, "images of more than 8 bits are not resized")
    return content.resize(size, Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC)


def joined(A: Content, B: Content, path: Path) -> Content:
    """A on the left and B on the right, of one height.

    - path: of A, for the error. Raises BadImageError where their values differ in kind.
    """
    if isinstance(A, Image.Image) and isinstance(B, Image.Image):
        if A.mode != B.mode:
            A, B = A.convert("RGB"), B.convert("RGB")
        both = Image.new(A.mode, (A.width + B.width, A.height))
        both.paste(A, (0, 0))
        both.paste(B, (A.width, 0))
        return both
    a, b = np.asarray(A), np.asarray(B)
    if a.ndim != b.ndim or a.dtype != b.dtype or a.shape[2:] != b.shape[2:]:
        kinds = f"{_kind(A)} and {_kind(B)}"
        raise BadImageError.of(path, f"it and its partner cannot be in one file, because their values differ: {kinds}")
    return np.concatenate([a, b], 1)


def halves(content: Content) -> tuple[Content, Content]:
    """The left and the right half; of an odd width, the right one gets the extra column."""
    width, height = size_of(content)
    middle = width // 2
    if isinstance(content, Image.Image):
        return content.crop((0, 0, middle, height)), content.crop((middle, 0, width, height))
    return content[:, :middle], content[:, middle:]


def save(content: Content, path: Path, suffix: str) -> None:
    """Write an image atomically, as a file of that name with another suffix.

    - suffix: of 8-bit images; an array is written in a format that holds its values. Raises DataError where the file
      cannot be written.
    """
    make_folder(path.parent)
    if isinstance(content, Image.Image):
        save_image(np.asarray(content), path.with_name(f"{path.name}{suffix}"))
        return
    values = np.ascontiguousarray(content)
    writer = writer_for(values, ".png")
    write_whole(path.with_name(f"{path.name}{writer.suffix}"), writer.encode(values))


def _kind(content: Content) -> str:
    if isinstance(content, Image.Image):
        return "8 bits"
    return f"{content.dtype} with {content.shape[2]} channels"
