"""Generates random streets of town houses for the demo data.

A street is a list of parts, from back to front. `label_map` draws them in one flat colour for each kind;
`pixlate.data.demo.painting` paints the same parts as an image.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw

SIDE = 256  # pixels of an image's side, the unit of every coordinate here
PAVEMENT, ROAD = 228, 241  # their upper edges
WALLS = ("brick", "sandstone", "sage", "slate blue", "ochre", "rose", "plaster")

#: The colour of each kind of part in a label map.
LABELS: Mapping[str, tuple[int, int, int]] = {
    "sky": (26, 38, 104),
    "cloud": (92, 110, 184),
    "brick": (196, 40, 40),
    "sandstone": (226, 148, 62),
    "sage": (58, 160, 84),
    "slate blue": (52, 92, 204),
    "ochre": (240, 210, 40),
    "rose": (226, 96, 170),
    "plaster": (190, 190, 196),
    "tiles": (124, 20, 20),
    "slates": (70, 78, 110),
    "cornice": (255, 255, 255),
    "chimney": (92, 40, 16),
    "window": (0, 205, 240),
    "arch": (0, 160, 235),
    "shutter": (0, 104, 72),
    "flowers": (255, 60, 110),
    "balcony": (120, 40, 190),
    "door": (150, 82, 20),
    "shop": (120, 240, 235),
    "awning": (255, 120, 0),
    "pavement": (110, 104, 100),
    "road": (54, 50, 50),
    "trunk": (84, 54, 24),
    "crown": (92, 214, 40),
}


@dataclass(frozen=True)
class Part:
    """One part of a street: its kind, and the corners of a polygon, or two opposite corners of a box or an ellipse."""

    kind: str
    form: Literal["box", "ellipse", "polygon"]
    points: tuple[tuple[int, int], ...]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The smallest box around the part: left, top, right, bottom."""
        xs, ys = zip(*self.points, strict=True)
        return min(xs), min(ys), max(xs), max(ys)


@dataclass(frozen=True)
class _House:
    left: int
    right: int
    wall: str
    top: int
    floors: int
    floor: int  # the height of a floor

    @property
    def middle(self) -> int:
        return (self.left + self.right) // 2


def label_map(street: list[Part]) -> Image.Image:
    """The label map of a street: SIDE x SIDE, one flat colour for each kind of part."""
    image = Image.new("RGB", (SIDE, SIDE))
    draw = ImageDraw.Draw(image)
    for part in street:
        if part.form == "polygon":
            draw.polygon(part.points, fill=LABELS[part.kind])
        elif part.form == "ellipse":
            draw.ellipse(part.box, fill=LABELS[part.kind])
        else:
            draw.rectangle(_inside(part.box), fill=LABELS[part.kind])
    return image


def invent_street(rng: random.Random) -> list[Part]:
    """Draw a random street of two to four houses: its parts from back to front."""
    parts = [_box("sky", 0, 0, SIDE, SIDE)]
    for _ in range(rng.randint(0, 3)):
        parts += _cloud(rng)
    left, wall = -rng.randint(0, 36), ""
    while left < SIDE - 12:
        right = left + rng.choice((66, 78, 90, 104))
        wall = rng.choice([name for name in WALLS if name != wall])
        parts += _house(rng, left, right, wall)
        left = right
    parts += [_box("pavement", 0, PAVEMENT, SIDE, ROAD), _box("road", 0, ROAD, SIDE, SIDE)]
    for _ in range(rng.choice((0, 1, 1, 2))):
        parts += _tree(rng)
    return parts


def _inside(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The same box for Pillow, whose rectangles include their right and lower edges."""
    left, top, right, bottom = box
    return left, top, max(left, right - 1), max(top, bottom - 1)


def _box(kind: str, left: int, top: int, right: int, bottom: int) -> Part:
    return Part(kind, "box", ((left, top), (right, bottom)))


def _ellipse(kind: str, x: int, y: int, across: int, down: int) -> Part:
    return Part(kind, "ellipse", ((x - across, y - down), (x + across, y + down)))


def _cloud(rng: random.Random) -> Iterator[Part]:
    x, y, size = rng.randint(0, SIDE), rng.randint(8, 60), rng.randint(7, 12)
    for shift, scale in ((-1.3, 0.7), (0.0, 1.0), (1.2, 0.8), (2.2, 0.5)):
        yield _ellipse(
            "cloud", int(x + shift * size), y + int((1 - scale) * size), int(1.5 * scale * size), int(scale * size)
        )


def _tree(rng: random.Random) -> Iterator[Part]:
    x, size = rng.randint(16, SIDE - 16), rng.randint(15, 22)
    base = PAVEMENT + 7
    yield _box("trunk", x - 2, base - 30, x + 2, base)
    for shift, lift, scale in ((-0.6, 1.2, 0.75), (0.6, 1.25, 0.75), (0.0, 1.9, 0.85), (0.0, 1.4, 0.8)):
        yield _ellipse(
            "crown", int(x + shift * size), int(base - 8 - lift * size), int(scale * size), int(scale * size)
        )


def _house(rng: random.Random, left: int, right: int, wall: str) -> Iterator[Part]:
    floors, floor = rng.choice((2, 3, 3, 4)), rng.choice((34, 37, 40))
    house = _House(left, right, wall, PAVEMENT - 6 - floors * floor, floors, floor)
    roof = rng.choice((_tiled_roof, _tiled_roof, _gable, _stepped_gable, _flat_roof))
    yield from roof(rng, house)
    yield _box(wall, left, house.top, right, PAVEMENT)
    yield _box("cornice", left - 1, house.top - 2, right + 1, house.top + 2)
    if rng.random() < 0.5:
        yield _box("cornice", left, PAVEMENT - floor - 7, right, PAVEMENT - floor - 4)
    yield from _windows(rng, house)
    yield from (_shop if rng.random() < 0.35 else _entrance)(rng, house)


def _columns(house: _House) -> list[int]:
    count = (house.right - house.left) // 25
    step = (house.right - house.left) / count
    return [int(house.left + step * (number + 0.5)) for number in range(count)]


def _windows(rng: random.Random, house: _House) -> Iterator[Part]:
    kind = rng.choice(("window", "window", "arch"))
    shutters, flowers = rng.random() < 0.3, rng.random() < 0.35
    balcony = rng.randrange(house.floors - 1) if rng.random() < 0.4 else -1
    for number in range(house.floors - 1):
        top = house.top + 7 + number * house.floor
        bottom = top + house.floor - 14
        for x in _columns(house):
            yield _box(kind, x - 6, top, x + 6, bottom)
            if shutters:
                yield _box("shutter", x - 11, top, x - 6, bottom)
                yield _box("shutter", x + 6, top, x + 11, bottom)
            if flowers and number != balcony:
                yield _box("flowers", x - 7, bottom - 3, x + 7, bottom + 2)
        if number == balcony:
            yield _box("balcony", house.left + 5, bottom - 9, house.right - 5, bottom + 3)


def _entrance(rng: random.Random, house: _House) -> Iterator[Part]:
    columns = _columns(house)
    door = rng.randrange(len(columns))
    for number, x in enumerate(columns):
        if number == door:
            yield _box("door", x - 7, PAVEMENT - 30, x + 7, PAVEMENT)
        else:
            yield _box("window", x - 7, PAVEMENT - 29, x + 7, PAVEMENT - 9)


def _shop(rng: random.Random, house: _House) -> Iterator[Part]:
    left, right = house.left + 6, house.right - 6
    door = rng.choice((left + 2, right - 16))
    yield _box("shop", left, PAVEMENT - 27, right, PAVEMENT - 5)
    yield _box("door", door, PAVEMENT - 27, door + 14, PAVEMENT)
    yield _box("awning", left - 3, PAVEMENT - 34, right + 3, PAVEMENT - 24)


def _tiled_roof(rng: random.Random, house: _House) -> Iterator[Part]:
    height, kind = rng.choice((22, 28, 34)), rng.choice(("tiles", "slates"))
    ridge = house.top - height
    chimney = rng.randint(house.left + 12, house.right - 20)
    yield _box("chimney", chimney, ridge - 9, chimney + 8, ridge + 8)
    slope = (
        (house.left - 2, house.top),
        (house.left + 9, ridge),
        (house.right - 9, ridge),
        (house.right + 2, house.top),
    )
    yield Part(kind, "polygon", slope)
    for x in _columns(house)[:: rng.choice((1, 2))]:
        yield Part("cornice", "polygon", ((x - 9, house.top - 17), (x, house.top - 23), (x + 9, house.top - 17)))
        yield _box(house.wall, x - 7, house.top - 17, x + 7, house.top - 1)
        yield _box("window", x - 4, house.top - 15, x + 4, house.top - 3)


def _gable(rng: random.Random, house: _House) -> Iterator[Part]:
    peak = house.top - rng.choice((30, 38))
    yield Part(
        "cornice", "polygon", ((house.left - 2, house.top), (house.middle, peak - 4), (house.right + 2, house.top))
    )
    yield Part(house.wall, "polygon", ((house.left + 4, house.top), (house.middle, peak), (house.right - 4, house.top)))
    yield _ellipse("arch", house.middle, (house.top + peak) // 2 + 6, 6, 6)


def _stepped_gable(rng: random.Random, house: _House) -> Iterator[Part]:
    steps, height = 4, rng.choice((7, 9))
    inset = (house.right - house.left) // (2 * steps + 1)
    for number in range(steps):
        top = house.top - (number + 1) * height
        left, right = house.left + number * inset, house.right - number * inset
        yield _box(house.wall, left, top, right, house.top)
        yield _box("cornice", left - 1, top - 2, left + inset + 1, top)
        yield _box("cornice", right - inset - 1, top - 2, right + 1, top)
    yield _box("cornice", house.left + (steps - 1) * inset, top - 2, house.right - (steps - 1) * inset, top)
    yield _box("arch", house.middle - 5, house.top - 2 * height - 6, house.middle + 5, house.top - 4)


def _flat_roof(rng: random.Random, house: _House) -> Iterator[Part]:
    yield _box("cornice", house.left - 1, house.top - rng.choice((5, 8)), house.right + 1, house.top)
