"""The channels of images: grey is repeated for more, and colours become grey; nothing else is converted."""

import os

import numpy as np
from numpy.typing import NDArray

from pixlate.errors import DataError, OptionError
from pixlate.util.text import counted, quoted

GREY = np.array([0.299, 0.587, 0.114])  # weights of red, green and blue (ITU-R BT.601), as Pillow's


def check_channels(option: str, wanted: int, stored: int) -> None:
    """Raise OptionError where an option asks for channels that the images cannot be given."""
    if not can_become(stored, wanted):
        advice = ": use 3 (colour) or 1 (grey)" if stored == 3 else ""
        raise OptionError(f"--{option} is {wanted}, but the images have {counted(stored, 'channel')}{advice}.")


def can_become(channels: int, wanted: int) -> bool:
    """Whether an image can be given that number of channels: grey is repeated, and colours become grey."""
    return channels in (wanted, 1) or (channels, wanted) == (3, 1)


def with_channels(values: NDArray[np.float32], channels: int, name: str | os.PathLike[str]) -> NDArray[np.float32]:
    """C×H×W values with that number of channels. Raises DataError for a number that they cannot be given."""
    if not can_become(len(values), channels):
        raise DataError(f"{quoted(name)} has {len(values)} channels, not {channels}.")
    if len(values) == channels:
        return values
    if len(values) == 1:
        return values.repeat(channels, axis=0)
    grey: NDArray[np.float32] = np.tensordot(GREY, values, axes=1)[None].astype(np.float32)
    return grey
