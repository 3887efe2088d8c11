"""A reduced copy of an image, on which the statistics of norms are measured."""

from math import ceil, sqrt

import torch
from torch import Tensor
from torch.nn import functional as F

from pixlate.util.sizes import SideRule

from .sources import Source

_BLOCK = 1024  # pixels of a side that are read at once


def reduced_copy(source: Source, pixels: int, sides: SideRule) -> Tensor:
    """1×C×h×w in [-1, 1] of about `pixels` pixels, each the mean of those that it stands for.

    - sides: those that the network accepts. An image that has no more pixels, and such sides, is returned as it is.
    """
    height, width = source.height, source.width
    scale = min(1.0, sqrt(pixels / (height * width)))
    size = sides.nearest(round(height * scale)), sides.nearest(round(width * scale))
    factor = max(1, int(1 / scale))
    x = _divided(source, factor) if factor > 1 else source.read(0, height, 0, width)
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)


def _divided(source: Source, factor: int) -> Tensor:
    """The means of squares of `factor` pixels, read block by block; those at the ends may be smaller."""
    height, width, step = source.height, source.width, max(1, _BLOCK // factor) * factor
    rows = []
    for top in range(0, height, step):
        bottom = min(height, top + step)
        blocks = [
            F.avg_pool2d(source.read(top, bottom, left, min(width, left + step)), factor, ceil_mode=True)
            for left in range(0, width, step)
        ]
        rows.append(torch.cat(blocks, 3))
    x = torch.cat(rows, 2)
    assert x.shape[-2:] == (ceil(height / factor), ceil(width / factor))
    return x
