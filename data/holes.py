"""Shapes of holes in photographs, drawn at random."""

import math
import random
from collections.abc import Callable, Mapping

from PIL import Image, ImageDraw

from .transforms import Size

Hole = Callable[[Size, float, random.Random], Image.Image]  # size, share of the area, generator; white is the hole

MAX_STROKES = 100
TURNS = 6  # of a stroke


def box(size: Size, area: float, rng: random.Random) -> Image.Image:
    """A rectangle of a random place, with sides in a ratio from 1:2 to 2:1."""
    width, height = size
    ratio = math.sqrt(2.0 ** rng.uniform(-1, 1))
    w = min(width, round(width * math.sqrt(area) * ratio))
    h = min(height, round(height * math.sqrt(area) / ratio))
    x, y = rng.randint(0, width - w), rng.randint(0, height - h)
    return _filled(size, x, y, w, h)


def center(size: Size, area: float, rng: random.Random) -> Image.Image:
    """A part of the middle with the proportions of the image, the same in each."""
    w, h = (round(side * math.sqrt(area)) for side in size)
    return _filled(size, (size[0] - w) // 2, (size[1] - h) // 2, w, h)


def brush(size: Size, area: float, rng: random.Random) -> Image.Image:
    """Strokes with turns, until their area is reached."""
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    wanted, longer = area * size[0] * size[1], max(size)
    for _ in range(MAX_STROKES):
        if image.histogram()[255] >= wanted:
            break
        thickness = max(1, round(longer * rng.uniform(0.03, 0.1)))
        angle = rng.uniform(0, 2 * math.pi)
        points = [(rng.uniform(0, size[0]), rng.uniform(0, size[1]))]
        for _ in range(rng.randint(1, TURNS)):
            angle += rng.uniform(-1, 1)
            length = longer * rng.uniform(0.05, 0.2)
            points.append((points[-1][0] + length * math.cos(angle), points[-1][1] + length * math.sin(angle)))
        draw.line(points, fill=255, width=thickness, joint="curve")
    return image


HOLES: Mapping[str, Hole] = {"box": box, "brush": brush, "center": center}


def _filled(size: Size, x: int, y: int, w: int, h: int) -> Image.Image:
    image = Image.new("L", size)
    if w and h:
        image.paste(255, (x, y, x + w, y + h))
    return image
