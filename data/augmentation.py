"""`--augment`: random changes of training images, by torchvision's functions.

Changes of place apply to all spatial fields of a sample alike, scaled by their scales: images are interpolated
bilinearly, labels and masks not at all, and what lies beyond the border is reflected. Changes of values apply to the
model's input, or to the field that is named.
"""

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from pixlate.errors import OptionError
from pixlate.plugins.field import Field

PLACES: Mapping[str, float] = {"rotation": 180, "zoom": 0.5, "vertical_flip": 1, "quarter_turns": 1}  # largest amounts
VALUES: Mapping[str, float] = {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0.5, "noise": 1}
COLOURS = ("contrast", "saturation", "hue")  # which are defined for colours (contrast for grey too)


@dataclass(frozen=True)
class Change:
    """One change: its name, its amount, and for a change of values its field."""

    name: str
    amount: float
    field: str = ""


def parse(texts: Sequence[str], target: str) -> list[Change]:
    """The changes of `--augment`. Raises OptionError for any other text.

    - target: the field that changes of values apply to where none is named.
    """
    return [_change(text, target) for text in texts]


def _change(text: str, target: str) -> Change:
    match = re.fullmatch(r"(?:(\w+)\.)?([a-z_]+)=(\d*\.?\d+)", text)
    limits = {**PLACES, **VALUES}
    if match is None or match[2] not in limits or (match[1] and match[2] in PLACES):
        raise OptionError(
            f"--augment {text!r} is not understood: write a change and its amount, such as rotation=10; there are "
            f"{', '.join(limits)}, and of another field than the input B.noise=0.02 and the like."
        )
    name, amount = match[2], float(match[3])
    if not 0 < amount <= limits[name]:
        raise OptionError(f"--augment {text!r}: the amount of {name} is more than 0 and at most {limits[name]:g}.")
    return Change(name, amount, "" if name in PLACES else match[1] or target)


class Augmentation:
    """The changes of a data set's samples.

    - fields: of the data; one that declares none has images A and B.

    Raises OptionError for a change that a field cannot have.
    """

    def __init__(self, changes: Sequence[Change], fields: Mapping[str, Field]) -> None:
        self._places = {change.name: change.amount for change in changes if not change.field}
        self._values = [change for change in changes if change.field]
        self._fields = dict(fields) or {"A": Field(), "B": Field()}
        for change in self._values:
            self._check(change)

    def _check(self, change: Change) -> None:
        field = self._fields.get(change.field)
        if field is None or field.kind != "image":
            raise OptionError(f"--augment {change.name} changes images, and the data has no image '{change.field}'.")
        if change.name in COLOURS and field.channels not in (1, 3):
            raise OptionError(
                f"--augment {change.name} changes colours, but '{change.field}' has {field.channels} channels."
            )

    def __call__(self, item: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
        """A changed copy of a sample; all random numbers are drawn from `rng`."""
        changed = dict(item)
        if self._places:
            place = self._draw_place(rng)
            for name, field in self._fields.items():
                if field.is_spatial and isinstance(item.get(name), Tensor):
                    changed[name] = place(changed[name], field)
        for change in self._values:
            if change.field in changed:
                changed[change.field] = _changed_values(changed[change.field], change, rng)
        return changed

    def _draw_place(self, rng: random.Random) -> Callable[[Tensor, Field], Tensor]:
        """Draw every change of place once, for all fields."""
        amounts = self._places
        rotation, zoom = amounts.get("rotation", 0.0), amounts.get("zoom", 0.0)
        angle, factor = rng.uniform(-rotation, rotation), 1 + rng.uniform(-zoom, zoom)
        upside_down = rng.random() < amounts.get("vertical_flip", 0.0)
        turns = rng.randint(1, 3) if rng.random() < amounts.get("quarter_turns", 0.0) else 0

        def place(image: Tensor, field: Field) -> Tensor:
            if rotation or zoom:
                image = _rotated(image, angle, factor, nearest=field.kind != "image")
            if upside_down:
                image = F.vertical_flip(image)
            square = image.shape[-1] == image.shape[-2]
            return torch.rot90(image, turns if square else 2 * (turns // 2), (-2, -1)).contiguous()

        return place


def _rotated(image: Tensor, angle: float, factor: float, *, nearest: bool) -> Tensor:
    """The image rotated by degrees and enlarged about its centre, of the same size."""
    height, width = image.shape[-2:]
    mode = InterpolationMode.NEAREST if nearest else InterpolationMode.BILINEAR
    # Of a smaller or rotated image, parts beyond its border come into view: at most half of its diagonal.
    reach = math.hypot(height, width) / 2 / min(factor, 1)
    padded = _reflected(image, *(math.ceil(reach - side / 2) + 1 for side in (height, width)))
    turned = F.affine(padded, angle, [0, 0], factor, [0.0, 0.0], interpolation=mode)
    cropped: Tensor = F.center_crop(turned, [height, width])
    return cropped


def _reflected(image: Tensor, vertical: int, horizontal: int) -> Tensor:
    """The image with margins of these heights and widths, in which it is reflected, repeatedly where it is small."""
    while vertical > 0 or horizontal > 0:
        down, right = (
            min(margin, side - 1) for margin, side in zip((vertical, horizontal), image.shape[-2:], strict=True)
        )
        if down <= 0 < vertical or right <= 0 < horizontal:  # an image of one pixel has nothing to reflect
            image, down, right = F.pad(image, [horizontal, vertical] * 2, padding_mode="edge"), vertical, horizontal
        else:
            image = F.pad(image, [right, down] * 2, padding_mode="reflect")
        vertical, horizontal = vertical - down, horizontal - right
    return image


def _changed_values(image: Tensor, change: Change, rng: random.Random) -> Tensor:
    """The image with other values, in [-1, 1]."""
    if change.name == "noise":
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        return (image + 2 * change.amount * torch.randn(image.shape, generator=generator)).clamp(-1, 1)
    amount = rng.uniform(-change.amount, change.amount)
    levels = (image + 1) / 2
    if change.name == "hue":
        levels = F.adjust_hue(levels, amount)
    elif change.name == "brightness":
        levels = levels * (1 + amount)
    else:
        levels = getattr(F, f"adjust_{change.name}")(levels, 1 + amount)
    return levels.clamp(0, 1) * 2 - 1
