"""Arrays as images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlate.errors import DataError

from .value_range import ValueRange


def image_of_array(values: NDArray[Any]) -> Image.Image:
    """An array, H×W or H×W×C with 1, 3 or 4 channels, as an image. Raises DataError for any other.

    - grey integers of more than 8 bits, and grey floating-point numbers, keep their values;
    - colours of floating-point numbers are in [0, 1], or in [0, 255] where any is larger than 1; true is white.
    """
    shape = " x ".join(map(str, values.shape))
    if values.ndim not in (2, 3) or 0 in values.shape or (values.ndim == 3 and values.shape[2] not in (1, 3, 4)):
        raise DataError(f"an array of {shape} is no image: H x W, or H x W x C with 1, 3 or 4 channels.")
    if values.dtype.kind not in "buif":
        raise DataError(f"an array of {values.dtype} is no image: its values must be numbers.")
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(values))
    if values.ndim == 3:
        if values.dtype.kind != "f" or not np.isfinite(values).all() or values.min() < 0 or values.max() > 255:
            raise DataError(
                f"an array of {shape} of {values.dtype} is no image: colours are 8-bit integers, or floating-point "
                "numbers in [0, 1] or [0, 255]."
            )
        high = float(values.max())
        return Image.fromarray(ValueRange.of_extremes(0, high, whole=False).to_8_bit(values))
    if values.dtype.kind == "f":
        return Image.fromarray(np.ascontiguousarray(values, np.float32))
    if values.dtype == np.uint16:
        return Image.fromarray(np.ascontiguousarray(values))
    return Image.fromarray(np.ascontiguousarray(values.clip(-(2**31), 2**31 - 1), np.int32))
