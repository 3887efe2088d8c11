"""Values of more than 8 bits become 8-bit by one range for a whole data set, never file by file.

The range is measured once over the files, stored with a run, and used again by its test and by `pixlate.load`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TYPE_RANGE = 65535  # the largest value of 16 bits, beyond which integers have no usual range


@dataclass(frozen=True)
class ValueRange:
    """The values that become black and white; those beyond them are clipped."""

    low: float
    high: float

    @classmethod
    def of_extremes(cls, low: float, high: float, *, whole: bool) -> "ValueRange":
        """The range of a data set with these extremes.

        - whole: its values are integers. Without negative ones, the range is that of their bits: 0 to 4095 where the
          highest is 3000; beyond 16 bits, 0 to the highest.

        Floating-point values are in [0, 1] or [0, 255] where all are; otherwise the range is from the lowest to the
        highest.
        """
        if low < 0:
            return cls(low, high)
        if whole:
            return cls(0, max(255, 2 ** int(high).bit_length() - 1) if high <= TYPE_RANGE else high)
        return cls(0, 1) if high <= 1 else cls(0, 255) if high <= 255 else cls(low, high)

    def to_8_bit(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Values as 8-bit levels, rounded to the nearest; NaN and infinities count as 0."""
        wide = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(self.low, self.high)
        return ((wide - self.low) / ((self.high - self.low) or 1.0) * 255 + 0.5).astype(np.uint8)

    def normalised(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Values as float32 in [-1, 1]; NaN and infinities count as 0."""
        wide = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(self.low, self.high)
        return ((wide - self.low) / ((self.high - self.low) or 1.0) * 2 - 1).astype(np.float32)

    def restored(self, values: NDArray[Any], dtype: str) -> NDArray[Any]:
        """Values of a type from numbers in [-1, 1]: what `normalised` was given, integers exactly."""
        wide = (values.astype(np.float64).clip(-1, 1) + 1) / 2 * (self.high - self.low) + self.low
        kind = np.dtype(dtype)
        if kind.kind == "f":
            return wide.astype(kind)
        limits = np.iinfo(kind)
        return np.rint(np.nan_to_num(wide, nan=self.low)).clip(limits.min, limits.max).astype(kind)

    def __str__(self) -> str:
        return f"{_shown(self.low)} to {_shown(self.high)}"


def is_deep(image: Image.Image) -> bool:
    """Whether an image has values of more than 8 bits: integers of 16 or 32, or floating-point numbers."""
    return image.mode == "F" or image.mode.startswith("I")


def range_of_dtype(dtype: str) -> ValueRange:
    """The range of a type's values: all integers, or 0 to 1."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return ValueRange(0, 1)
    limits = np.iinfo(kind)
    return ValueRange(float(limits.min), float(limits.max))


def range_of_type(image: Image.Image | NDArray[Any]) -> ValueRange:
    """The range of an image that belongs to no data set: of 16-bit integers that of their type, else its own."""
    values: NDArray[Any] = np.asarray(image)
    return ValueRange(0, TYPE_RANGE) if values.dtype.itemsize == 2 and values.dtype.kind == "u" else measured([values])


def dtype_of(image: Image.Image) -> str:
    """The type of a deep image's values, by NumPy's name."""
    return "float32" if image.mode == "F" else "uint16" if image.mode.startswith("I;16") else "int32"


def measured(images: Iterable[Image.Image | NDArray[Any]]) -> ValueRange:
    """The range of deep images or arrays, measured over all of them."""
    lowest, highest, whole = np.inf, -np.inf, True
    for image in images:
        values: NDArray[Any] = np.asarray(image)
        if values.dtype.kind == "f":
            whole, values = False, values[np.isfinite(values)]
        if values.size:
            lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
    return ValueRange.of_extremes(lowest, highest, whole=whole) if lowest <= highest else ValueRange(0, 1)


def stored_ranges(ranges: Mapping[str, ValueRange]) -> dict[str, list[float]]:
    """Ranges by side as plain values, as they are stored with a run."""
    return {side: [value_range.low, value_range.high] for side, value_range in ranges.items()}


def read_ranges(stored: Mapping[str, Sequence[float]]) -> dict[str, ValueRange]:
    """The ranges by side of `stored_ranges`."""
    return {side: ValueRange(low, high) for side, (low, high) in stored.items()}


def _shown(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.4g}"
