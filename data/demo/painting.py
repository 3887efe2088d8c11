"""Paints the demo data's streets by day and by night."""

import random
from collections.abc import Callable, Mapping

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .materials import DAY, FINE, FULL, Colour, Light, glass, material
from .street import PAVEMENT, SIDE, WALLS, Part

Box = tuple[int, int, int, int]

LIT_WINDOWS = 0.45  # share of the windows that are lit at night
LIT_SHOPS = 0.85
BLOOMS = ((226, 62, 92), (250, 214, 92), (244, 236, 240))
STRIPES = ((188, 58, 52), (242, 234, 222))
RAILING = (58, 56, 62)


def paint(street: list[Part], light: Light = DAY, rng: random.Random | None = None) -> Image.Image:
    """Paint a street: SIDE x SIDE pixels. At night `rng` selects the lit windows; by day nothing is random."""
    return _Painter(light, rng or random.Random(0)).paint(street)


class _Painter:
    def __init__(self, light: Light, rng: random.Random) -> None:
        self.light = light
        self.rng = rng
        self.canvas = Image.new("RGB", (FULL, FULL))
        self.draw = ImageDraw.Draw(self.canvas)
        self.overlay = ImageDraw.Draw(self.canvas, "RGBA")  # blends with the canvas by alpha
        self.lit: list[Box] = []

    def paint(self, street: list[Part]) -> Image.Image:
        self._sky([part for part in street if part.kind == "cloud"])
        for part in street:
            if part.kind not in ("sky", "cloud"):
                _PAINTERS.get(part.kind, _Painter._plain)(self, part)
        self.canvas = self.canvas.reduce(FINE)
        if self.lit:
            self._glow()
        return self.canvas

    def _sky(self, clouds: list[Part]) -> None:
        small = SIDE // 2
        sky = material("sky", self.light).resize((small, small))
        draw = ImageDraw.Draw(sky)
        for part in clouds:
            draw.ellipse([side // 2 for side in part.box], fill=self.light.cloud)
        sky = sky.filter(ImageFilter.GaussianBlur(1.4))
        self.canvas.paste(sky.resize((FULL, FULL), Image.Resampling.BICUBIC))

    def _plain(self, part: Part) -> None:
        left, top, right, bottom = box = _fine(part)
        texture = material(part.kind, self.light).crop(box)
        if part.form == "box":
            self.canvas.paste(texture, box)
        else:
            mask = Image.new("L", texture.size)
            draw = ImageDraw.Draw(mask)
            if part.form == "ellipse":
                draw.ellipse((0, 0, right - left, bottom - top), fill=255)
            else:
                draw.polygon([(x * FINE - left, y * FINE - top) for x, y in part.points], fill=255)
            self.canvas.paste(texture, box, mask)

    def _wall(self, part: Part) -> None:
        self._plain(part)
        left, top, right, bottom = _fine(part)
        if bottom == PAVEMENT * FINE:
            self._shade((left, top, left + 3, bottom), 1.12)
            self._shade((right - 5, top, right, bottom), 0.8)
            self._shade((left, bottom - 12, right, bottom), 0.78)

    def _cornice(self, part: Part) -> None:
        self._plain(part)
        if part.form == "box":
            left, _, right, bottom = _fine(part)
            self._shade((left, bottom - 2, right, bottom), 0.82)
            self._shade((left + 2, bottom, right - 2, bottom + 5), 0.72)

    def _pavement(self, part: Part) -> None:
        self._plain(part)
        left, top, right, bottom = _fine(part)
        self._shade((left, top, right, top + 6), 0.75)
        self._shade((left, bottom - 4, right, bottom), 0.8)

    def _glass(self, box: Box, name: str = "window") -> None:
        lit = self.light.lamps and self.rng.random() < (LIT_SHOPS if name == "shop" else LIT_WINDOWS)
        size = max(1, box[2] - box[0]), max(1, box[3] - box[1])
        self.canvas.paste(glass(name, size, lit=lit, night=self.light.lamps), box[:2])
        if lit:
            self.lit.append(box)

    def _window(self, part: Part) -> None:
        left, top, right, bottom = box = _fine(part)
        frame = self._tinted((238, 236, 230))
        round_top = part.kind == "arch"
        if part.form == "ellipse":
            self._glass(box)
            self._rim(box, frame)
            return
        self._shade((left - 3, top - 3, right + 5, bottom + 4), 0.74)
        self.draw.rectangle((left - 2, top - 2, right + 1, bottom + 1), fill=frame)
        self._glass((left + 2, top + 2, right - 2, bottom - 2))
        middle, third = (left + right) // 2, top + (bottom - top) // 3
        self.draw.rectangle((middle - 1, top, middle, bottom), fill=frame)
        self.draw.rectangle((left, third, right, third + 1), fill=frame)
        if round_top:
            self._rim((left - 4, top - 6, right + 4, top + 14), frame, 180, 360)
        self.draw.rectangle((left - 5, bottom, right + 4, bottom + 3), fill=frame)
        self._shade((left - 4, bottom + 4, right + 4, bottom + 7), 0.66)

    def _rim(self, box: Box, colour: Colour, start: int = 0, end: int = 360) -> None:
        self.draw.arc(box, start, end, fill=colour, width=4)

    def _shutter(self, part: Part) -> None:
        self._plain(part)
        left, top, right, bottom = _fine(part)
        for y in range(top + 3, bottom - 2, 4):
            self._shade((left + 2, y, right - 2, y + 2), 0.72)
        self._shade((right - 2, top, right, bottom), 0.7)

    def _flowers(self, part: Part) -> None:
        left, top, right, bottom = _fine(part)
        self._shade((left, bottom, right, bottom + 4), 0.7)
        self.canvas.paste(material("crown", self.light).crop((left, top, right, bottom)), (left, top))
        for number, x in enumerate(range(left + 2, right - 1, 4)):
            y = top + (1, 4, 2)[number % 3]
            self.draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=self._tinted(BLOOMS[number % 3]))

    def _balcony(self, part: Part) -> None:
        left, top, right, bottom = _fine(part)
        iron = self._tinted(RAILING)
        self._shade((left + 3, bottom, right - 3, bottom + 9), 0.62)
        for x in range(left + 1, right, 6):
            self.draw.rectangle((x, top, x + 1, bottom - 6), fill=iron)
        self.draw.rectangle((left, top, right - 1, top + 2), fill=iron)
        self.canvas.paste(material("cornice", self.light).crop((left, bottom - 6, right, bottom)), (left, bottom - 6))
        self._shade((left, bottom - 2, right, bottom), 0.7)

    def _door(self, part: Part) -> None:
        left, top, right, bottom = _fine(part)
        self.draw.rectangle((left - 3, top - 3, right + 2, bottom), fill=self._tinted((238, 236, 230)))
        self.canvas.paste(material("door", self.light).crop((left, top, right, bottom)), (left, top))
        self._glass((left + 2, top + 2, right - 2, top + 12))
        for panel in ((top + 18, top + 34), (top + 38, bottom - 6)):
            for side in ((left + 4, (left + right) // 2 - 2), ((left + right) // 2 + 2, right - 4)):
                self._shade((side[0], panel[0], side[1], panel[1]), 0.72)
        self.draw.ellipse((right - 6, top + 34, right - 3, top + 37), fill=self._tinted((232, 200, 110)))

    def _shop(self, part: Part) -> None:
        left, top, right, bottom = _fine(part)
        self.draw.rectangle((left - 2, top - 2, right + 1, bottom + 3), fill=self._tinted((74, 62, 56)))
        width = (right - left) // 3
        for number in range(3):
            self._glass((left + number * width + 2, top + 2, left + (number + 1) * width - 1, bottom - 2), "shop")

    def _awning(self, part: Part) -> None:
        left, top, right, bottom = _fine(part)
        self._shade((left + 2, bottom, right - 2, bottom + 8), 0.6)
        for number, x in enumerate(range(left, right, 10)):
            colour, end = self._tinted(STRIPES[number % 2]), min(x + 10, right)
            self.draw.rectangle((x, top, end - 1, bottom - 4), fill=colour)
            self.draw.ellipse((x, bottom - 9, end - 1, bottom), fill=colour)
        self._shade((left, top, right, top + 3), 1.15)
        self._shade((left, bottom - 8, right, bottom - 6), 0.85)

    def _crown(self, part: Part) -> None:
        self._plain(part)
        left, top, right, bottom = part.box
        across, down = (right - left) // 5, (bottom - top) // 4
        self._plain(Part("leaves", "ellipse", ((left + 1, top + 1), (right - across, bottom - down))))

    def _shade(self, box: Box, strength: float) -> None:
        """Darken a box, or lighten it where the strength is above 1."""
        left, top, right, bottom = box
        colour = (0, 0, 0) if strength < 1 else self.light.tint
        alpha = round(255 * abs(strength - 1))
        self.overlay.rectangle((left, top, right - 1, bottom - 1), fill=(*colour, alpha))

    def _tinted(self, colour: Colour) -> Colour:
        red, green, blue = (part * tint // 255 for part, tint in zip(colour, self.light.tint, strict=True))
        return red, green, blue

    def _glow(self) -> None:
        """Add the blurred light of the lit windows, on the canvas of the final size."""
        small = Image.new("RGB", (SIDE // 2, SIDE // 2))
        draw = ImageDraw.Draw(small)
        for box in self.lit:
            draw.rectangle([side // (2 * FINE) for side in box], fill=(150, 104, 48))
        glow = small.filter(ImageFilter.GaussianBlur(5)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        self.canvas = ImageChops.screen(self.canvas, glow)


def _fine(part: Part) -> Box:
    """The box of a part in fine pixels."""
    left, top, right, bottom = (side * FINE for side in part.box)
    return left, top, right, bottom


_PAINTERS: Mapping[str, Callable[[_Painter, Part], None]] = {
    **dict.fromkeys(WALLS, _Painter._wall),
    "cornice": _Painter._cornice,
    "window": _Painter._window,
    "arch": _Painter._window,
    "shutter": _Painter._shutter,
    "flowers": _Painter._flowers,
    "balcony": _Painter._balcony,
    "door": _Painter._door,
    "shop": _Painter._shop,
    "awning": _Painter._awning,
    "pavement": _Painter._pavement,
    "crown": _Painter._crown,
}
