"""Whether images look like pairs, with A in the left half and B in the right, or like single photographs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .reading import BadImageError, image_size, read_image
from .transforms import Size

SAMPLES = 9  # images that are looked at
PAIR_RATIO = 1.9  # of width to height, from which on images are taken for pairs without a look at their pixels
SEAM = 3.0  # a step between the middle columns, in steps between columns beside them, that separates two images
SMOOTH = 0.5  # of a column's deviation: the steps beside the middle of an image that can be judged


def single_photographs(paths: Sequence[Path]) -> list[Path]:
    """A sample of the images, those that are single photographs; empty unless these are more than half of the sample.

    An image about twice as wide as high, or wider, is never one of them, nor is one that cannot be judged: a file that
    cannot be read, or an image without smooth structure across its middle.
    """
    sample = paths[:: max(1, len(paths) // SAMPLES)][:SAMPLES]
    singles = [path for path in sample if not has_pair_shape(path) and is_continuous(path)]
    return singles if 2 * len(singles) > len(sample) else []


def has_pair_shape(path: Path) -> bool:
    """Whether an image is about twice as wide as high, or wider; true for one that cannot be read."""
    try:
        width, height = image_size(path)
    except BadImageError:
        return True
    return is_pair_shape((width, height))


def is_pair_shape(size: Size) -> bool:
    """Whether a width and a height are those of two images side by side: about two to one, or wider."""
    return size[0] >= PAIR_RATIO * size[1]


def is_continuous(path: Path) -> bool:
    """Whether an image goes on across its middle, where two images side by side have a seam."""
    try:
        pixels: NDArray[np.float32] = np.asarray(read_image(path).convert("L"), np.float32)
    except BadImageError:
        return False
    middle = pixels.shape[1] // 2
    if middle < 4:
        return False
    columns = pixels[:, middle - 4 : middle + 4]
    steps = np.abs(np.diff(columns, axis=1)).mean(axis=0)  # between column i and i + 1; the middle is the fourth
    beside = float(np.delete(steps, 3).mean())
    deviation = float(columns.std(axis=0).mean())
    return beside < SMOOTH * deviation and float(steps[3]) < SEAM * beside
