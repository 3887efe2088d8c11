"""Masks: an output where they are white, the input where they are black."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pixlate.data.readers import Values
from pixlate.data.reading import Reading, read_image, to_rgb
from pixlate.data.value_range import is_deep
from pixlate.errors import DataError
from pixlate.util.text import quoted

Picture = Image.Image | Values  # as a Translator returns it


def composite(output: Picture, original: Picture, mask: Image.Image) -> Picture:
    """The output over the input, by a mask of the input's size; of the type of the output.

    Where the mask is white the output's pixels are unchanged, where it is black the input's; grey blends them. An input
    of another size than the output is resized. Raises DataError for values that cannot be blended.
    """
    inside = values_of(output)
    size = inside.shape[1], inside.shape[0]
    outside = _like(original, inside, size)
    share = np.asarray(mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR), np.float64) / 255
    blended = outside + (inside.astype(np.float64) - outside) * share[..., None]
    if inside.dtype.kind in "ui":
        blended = np.rint(blended)
    result = blended.astype(inside.dtype)
    if isinstance(output, Image.Image):
        return Image.fromarray(np.ascontiguousarray(result[..., 0] if result.shape[2] == 1 else result))
    return result.reshape(output.shape)


def read_mask(path: Path, size: tuple[int, int], reading: Reading, feather: float = 0) -> Image.Image:
    """A mask as 8-bit grey.

    - size: width and height that it must have; feather: the radius, in pixels, by which its edges are blurred.

    Raises BadImageError where it cannot be read, DataError for another size.
    """
    mask = read_image(path, reading).convert("L")
    if mask.size != size:
        raise DataError(
            f"the mask {quoted(path)} has {mask.width} x {mask.height} pixels, and its image {size[0]} x {size[1]}."
        )
    return mask.filter(ImageFilter.GaussianBlur(feather)) if feather else mask


def size_of(image: Picture) -> tuple[int, int]:
    """The width and height of an image."""
    return image.size if isinstance(image, Image.Image) else (image.shape[1], image.shape[0])


def values_of(image: Picture) -> Values:
    """An image as an array H×W×C."""
    values: Values = np.asarray(image)
    return values if values.ndim == 3 else values[..., None]


def _like(original: Picture, inside: Values, size: tuple[int, int]) -> NDArray[np.float64]:
    """The input as values of the type, the channels and the size of the output."""
    channels = inside.shape[2]
    if inside.dtype == np.uint8 and channels in (1, 3):
        image = to_rgb(original).convert("L" if channels == 1 else "RGB")
        values = values_of(image if image.size == size else image.resize(size, Image.Resampling.BICUBIC))
        return values.astype(np.float64)
    deep = isinstance(original, Image.Image) and not is_deep(original)
    values = values_of(original)
    if deep or values.dtype != inside.dtype or values.shape != inside.shape:
        raise DataError(
            f"an input of {_kind(values)} and an output of {_kind(inside)} cannot be blended by a mask: they must have "
            "one size and one type."
        )
    return values.astype(np.float64)


def _kind(values: Values) -> str:
    return f"{values.shape[1]} x {values.shape[0]} x {values.shape[2]} {values.dtype}"
