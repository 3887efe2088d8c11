"""From tensors back to the values that a field has in files, and to what a page shows of them."""

import colorsys
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixlate.plugins.field import Colour, Field
from pixlate.util.colour import rgb_of

from .readers import Values
from .value_range import ValueRange

EIGHT_BIT = Field()
CHANGE = "change"  # the label of the image that shows where an output differs from its input


def field_of(label: str, fields: Mapping[str, Field]) -> Field:
    """The field that an image of a model belongs to, by its label: real_A and rec_A to A, fake_B to B, real to A.

    - fields: with A as the input. Without B, all images are like A.
    """
    if label == CHANGE:
        return EIGHT_BIT
    parts = label.split("_")
    side = "B" if "B" in parts else "A" if "A" in parts or label == "real" else "B"
    return fields.get(side) or fields.get("A") or EIGHT_BIT


def file_values(image: Tensor, field: Field) -> Values:
    """The values of an image in a file, H×W×C, from a tensor C×H×W or 1×C×H×W.

    An 8-bit image is computed as the reference does: (x + 1) / 2 · 255, truncated. Labels are the numbers of their
    classes, a mask is 0 to 255. NaN becomes the lowest value.
    """
    planes = (image[0] if image.dim() == 4 else image).detach().float().cpu()
    if field.kind == "labels":
        return planes.argmax(0)[..., None].numpy().astype(np.uint8 if field.classes <= 256 else np.uint16)
    values = planes.permute(1, 2, 0).contiguous().numpy()
    if field.dtype == "uint8":
        levels: NDArray[np.uint8] = np.nan_to_num((values + 1) / 2.0 * 255.0, nan=0.0).clip(0, 255).astype(np.uint8)
        return levels
    return ValueRange(*field.value_range).restored(values, field.dtype)


def displayed(image: Tensor, field: Field) -> Tensor:
    """What is shown of an image: C×H×W with one channel or three, in [-1, 1].

    Labels have the colours of their classes, a* and b* those at a middle lightness; of more than three channels,
    those of the field's `display`.
    """
    planes = (image[0] if image.dim() == 4 else image).detach()
    if field.kind == "labels" and len(planes) == field.classes:
        colours = torch.tensor(palette_of(field), dtype=torch.float32, device=planes.device)
        return colours[planes.argmax(0)].permute(2, 0, 1) / 127.5 - 1
    if field.space == "a*b*" and len(planes) == 2:
        return rgb_of(torch.zeros_like(planes[None, :1]), planes[None])[0]
    if field.display and max(field.display) < len(planes):
        return planes[list(field.display)]
    return planes


def palette_of(field: Field) -> tuple[Colour, ...]:
    """The colours of a field's classes: its own, else ones that differ in hue and brightness."""
    if len(field.palette) >= field.classes:
        return field.palette
    return tuple(_colour(number) for number in range(field.classes))


def _colour(number: int) -> Colour:
    """The first is black; hues follow each other by the golden ratio, which keeps neighbours apart."""
    if number == 0:
        return (0, 0, 0)
    red, green, blue = colorsys.hsv_to_rgb(number * 0.618034 % 1, 0.75, (1.0, 0.7)[number % 2])
    return round(255 * red), round(255 * green), round(255 * blue)
