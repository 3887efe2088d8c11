"""The pixels of one side of a file, resized but not cropped: of an image, of labels, or of a mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pixlate.errors import DataError
from pixlate.plugins.field import Field
from pixlate.util.text import quoted

from .bad_image import BadImageError
from .channels import with_channels
from .labels import classes_in, one_hot
from .readers import Values
from .reading import to_rgb
from .transforms import Pixels, Size, Transform
from .value_range import ValueRange

Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True)
class SideFormat:
    """How a side is read: its field, and the range of its values of more than 8 bits."""

    field: Field
    value_range: ValueRange | None = None


def side_pixels(
    content: Image.Image | Values, box: Box | None, side: SideFormat, transform: Transform, path: Path
) -> Pixels:
    """The C×H×W pixels of a side: 8-bit levels, or float32 in [-1, 1] of values of more than 8 bits.

    - box: the part of the file; None for the whole.

    Raises BadImageError for labels that are none, DataError for a size of zero and for channels that do not fit.
    """
    kind = side.field.kind
    part = content if box is None else _cut(content, box)
    try:
        if kind == "labels":
            classes = classes_in(part, side.field, path)
            return one_hot(classes, side.field.classes, transform.resized((classes.shape[1], classes.shape[0])))
        if not isinstance(part, Image.Image):
            return _values(part, side, transform, path)
        nearest = kind == "mask"
        return transform.resize(to_rgb(part), grayscale=_channels_of_8_bits(side.field, path) == 1, nearest=nearest)
    except ValueError:  # Pillow cannot resize to a height or width of zero
        raise DataError(f"{quoted(path)} is too small: {_size(part)} pixels.") from None


def side_boxes(sides: Sequence[str], size: Size, path: Path) -> list[Box]:
    """The parts of a file's sides, one or two; of an odd width, the second gets the extra column.

    Raises BadImageError for an image of one column with two sides.
    """
    width, height = size
    if len(sides) == 1:
        return [(0, 0, width, height)]
    if width < 2:
        raise BadImageError.of(path, "it is too narrow for A and B side by side")
    return [(0, 0, width // 2, height), (width // 2, 0, width, height)]


def stored_sides(content: Image.Image | Values, sides: Sequence[str], path: Path) -> list[Image.Image | Values]:
    """The part of each side as it is stored, neither resized nor converted. Raises BadImageError as `side_boxes`."""
    size = content.size if isinstance(content, Image.Image) else (content.shape[1], content.shape[0])
    return [content] if len(sides) == 1 else [_cut(content, box) for box in side_boxes(sides, size, path)]


def _values(values: Values, side: SideFormat, transform: Transform, path: Path) -> Pixels:
    assert side.value_range is not None
    scaled = side.value_range.normalised(values).transpose(2, 0, 1)
    scaled = with_channels(scaled, side.field.tensor_channels, path)
    return transform.resize_values(scaled, nearest=side.field.kind == "mask")


def _channels_of_8_bits(field: Field, path: Path) -> int:
    channels = field.tensor_channels
    if channels not in (1, 3):
        raise DataError(
            f"{quoted(path)} is an image of 8 bits: it has 3 channels (colour) or 1 (grey), not {channels}."
        )
    return channels


def _cut(content: Image.Image | Values, box: Box) -> Image.Image | Values:
    """A part of the content. `Image.crop` refuses large ones, whatever the limit of pixels."""
    left, top, right, bottom = box
    part: Values = np.asarray(content)[top:bottom, left:right]
    if not isinstance(content, Image.Image):
        return part
    # The colours of a palette are those of the whole image, whose numbers stay.
    image = Image.fromarray(part)
    if content.mode == "P" and content.palette is not None:
        image.putpalette(content.palette.palette, content.palette.mode)
    return image


def _size(content: Image.Image | Values) -> str:
    width, height = content.size if isinstance(content, Image.Image) else (content.shape[1], content.shape[0])
    return f"{width} x {height}"
