"""Small folders of image files for the tests of the data sets."""

from pathlib import Path

import numpy as np
from PIL import Image


def noise_image(size: tuple[int, int], seed: int = 0, mode: str = "RGB") -> Image.Image:
    """An image of random pixels."""
    width, height = size
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(noise).convert(mode)


def write(path: Path, size: tuple[int, int] = (40, 30), seed: int = 0) -> Path:
    """Write one image file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise_image(size, seed).save(path)
    return path


def write_pairs(root: Path, phase: str = "train", count: int = 5, size: tuple[int, int] = (80, 32)) -> Path:
    """Side-by-side pairs in <root>/<phase>."""
    for number in range(count):
        write(root / phase / f"{number:03}.png", size, number)
    return root


def write_sides(
    root: Path, phase: str = "train", counts: tuple[int, int] = (4, 6), size: tuple[int, int] = (40, 32)
) -> Path:
    """Unpaired images in <root>/<phase>A and <phase>B."""
    for side, count in zip("AB", counts, strict=True):
        for number in range(count):
            write(root / f"{phase}{side}" / f"{side.lower()}{number:03}.png", size, 100 * ord(side) + number)
    return root
