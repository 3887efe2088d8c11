"""Small folders of image files for the tests of the data sets."""

import struct
import zlib
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


def tiff_of_one_tile(size: tuple[int, int], tile: tuple[int, int]) -> bytes:
    """A grey TIFF file whose one tile may be much larger than the image; of the tile it holds a few bytes."""
    data = zlib.compress(bytes(10_000))
    longs = {256: size[0], 257: size[1], 322: tile[0], 323: tile[1], 324: 8, 325: len(data)}
    shorts = {258: 8, 259: 8, 262: 1, 277: 1}
    entries = [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in shorts.items()]
    entries += [struct.pack("<HHII", tag, 4, 1, value) for tag, value in longs.items()]
    directory = (
        struct.pack("<H", len(entries))
        + b"".join(sorted(entries, key=lambda entry: entry[1] << 8 | entry[0]))
        + bytes(4)
    )
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory
