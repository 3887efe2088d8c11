"""The materials of the demo data's streets: colours and textures, by day and by night."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .street import SIDE

FINE = 2  # images are painted at this multiple of their size, then reduced, which smooths edges
FULL = SIDE * FINE  # pixels
Colour = tuple[int, int, int]
Grid = NDArray[np.float64]

COLOURS: Mapping[str, Colour] = {
    "brick": (178, 88, 66),
    "sandstone": (221, 188, 138),
    "sage": (156, 186, 150),
    "slate blue": (120, 150, 188),
    "ochre": (232, 184, 84),
    "rose": (226, 160, 154),
    "plaster": (234, 230, 220),
    "tiles": (172, 82, 56),
    "slates": (94, 104, 122),
    "cornice": (240, 236, 226),
    "chimney": (142, 80, 62),
    "shutter": (58, 112, 90),
    "door": (124, 46, 42),
    "pavement": (198, 192, 182),
    "road": (108, 108, 114),
    "trunk": (104, 80, 58),
    "crown": (70, 116, 54),
    "leaves": (112, 164, 74),
}


@dataclass(frozen=True)
class Light:
    """The lighting of a street."""

    sky: tuple[Colour, Colour]  # at the top, and at the horizon
    cloud: Colour
    tint: Colour  # the colour of a white surface
    lamps: bool = False


DAY = Light(((84, 150, 222), (214, 232, 244)), (250, 250, 252), (255, 255, 255))
NIGHT = Light(((10, 14, 40), (66, 60, 112)), (52, 54, 98), (98, 104, 154), lamps=True)


@functools.cache
def material(name: str, light: Light) -> Image.Image:
    """FULL x FULL pixels of a material, or of the sky. The texture depends on the position, and is not random."""
    if name == "sky":
        down = np.linspace(0, 1, FULL)[:, None, None].clip(0, 0.75) / 0.75
        pixels = (1 - down) * np.array(light.sky[0]) + down * np.array(light.sky[1])
        return _image(np.broadcast_to(pixels, (FULL, FULL, 3)))
    colour = np.array(COLOURS[name]) * np.array(light.tint) / 255
    return _image(_texture(name)[..., None] * colour)


@functools.cache
def glass(name: str, size: tuple[int, int], *, lit: bool, night: bool) -> Image.Image:
    """A pane of glass in fine pixels: warm if lit, dark at night, else bright at the top with a slanting reflection."""
    height, width = 64, 40
    y, x = np.mgrid[0:height, 0:width] / height
    if lit:
        shade = (1.0 - 0.35 * np.abs(y - 0.35))[..., None]
        return _image(np.array((255, 206, 120)) * shade).resize(size)
    above, below = ((30, 34, 58), (16, 18, 34)) if night else ((168, 204, 228), (58, 82, 108))
    if name == "shop" and not night:
        above, below = (150, 178, 190), (92, 84, 78)
    pixels = (1 - y)[..., None] * np.array(above) + y[..., None] * np.array(below)
    slant = (x + y) % 0.8
    shine = np.where(slant < 0.16, 1.22, np.where(slant < 0.22, 1.1, 1.0))
    return _image(pixels * shine[..., None]).resize(size)


def _image(pixels: Grid) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _texture(name: str) -> Grid:
    if name in ("brick", "chimney"):
        return _courses(height=8, width=20, joint=1.16, spread=0.08)
    if name == "sandstone":
        return _courses(height=20, width=44, joint=0.9, spread=0.035)
    if name in ("tiles", "slates"):
        return _roof(name)
    if name == "pavement":
        return _courses(height=13, width=48, joint=0.88, spread=0.03)
    if name in ("crown", "leaves"):
        return _leaves()
    if name in ("cornice", "shutter", "door", "trunk"):
        return np.ones((FULL, FULL))
    return 1 + 0.03 * _noise(3, seed=1) + 0.02 * _noise(24, seed=2)


def _courses(height: int, width: int, joint: float, spread: float) -> Grid:
    """Rows of stones, every second one shifted by half a stone; each stone has a slightly different brightness.

    - height, width: the size of a stone in fine pixels.
    - joint: the brightness of the joints; spread: the largest deviation of a stone's brightness from 1.
    """
    y, x = np.mgrid[0:FULL, 0:FULL]
    row = y // height
    x = x + row % 2 * (width // 2)
    shade = np.random.default_rng(0).uniform(-spread, spread, (FULL // height + 1, FULL // width + 2))
    grid: Grid = 1 + shade[row, x // width]
    grid[(y % height == 0) | (x % width == 0)] = joint
    return grid


def _roof(name: str) -> Grid:
    y, x = np.mgrid[0:FULL, 0:FULL]
    row = y // 10
    across = ((x + row % 2 * 6) % 12 - 5.5) / 6
    bulge = 1 - 0.18 * across**2 if name == "tiles" else 1 - 0.1 * (np.abs(across) > 0.85)
    grid: Grid = bulge * (1.1 - 0.035 * (y % 10))
    return grid


def _leaves() -> Grid:
    noise = _noise(5, seed=3)
    return 1 + 0.16 * np.where(noise > 0.35, 1.0, np.where(noise < -0.35, -1.0, 0.0))


def _noise(size: int, seed: int) -> Grid:
    """Smooth noise, mostly within [-1, 1]; `size` is its wavelength in fine pixels."""
    small = np.random.default_rng(seed).uniform(-1, 1, (FULL // size + 2,) * 2).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize((FULL, FULL), Image.Resampling.BICUBIC), np.float64)
