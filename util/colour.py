"""Lightness and colour: between sRGB and the channels of CIELAB (D65), by kornia.

Scaled as in the reference: L* from 0 to 100 becomes -1 to 1, and a* and b* from -110 to 110.
"""

import torch
from torch import Tensor

from pixlate.util.optional import require_extra

LIGHTNESS = 100.0
CHROMA = 110.0


def require_colour(what: str) -> None:
    """Raise OptionError where kornia is not installed; `what` needs it."""
    require_extra("kornia", "color", what)


def lab_of(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """L, N×1×H×W, and ab, N×2×H×W, of colours N×3×H×W; all in [-1, 1]."""
    from kornia.color import rgb_to_lab  # here, because it is optional

    lab = rgb_to_lab((rgb + 1) / 2)
    return lab[:, :1] / (LIGHTNESS / 2) - 1, (lab[:, 1:] / CHROMA).clamp(-1, 1)


def rgb_of(L: Tensor, ab: Tensor) -> Tensor:
    """Colours N×3×H×W in [-1, 1] from L and ab; those outside of sRGB become the nearest ones in each channel."""
    from kornia.color import lab_to_rgb

    lab = torch.cat([(L + 1) * (LIGHTNESS / 2), ab * CHROMA], 1).float()
    rgb: Tensor = lab_to_rgb(lab, clip=True)
    return rgb * 2 - 1


def in_space(rgb: Tensor, space: str) -> Tensor:
    """Colours N×3×H×W as the channels of a field's colour space, "L*" or "a*b*"."""
    L, ab = lab_of(rgb)
    return L if space == "L*" else ab
