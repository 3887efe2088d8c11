"""Padding of images to sides that a network accepts."""

from torch import Tensor
from torch.nn.functional import pad


def reflect_to(x: Tensor, height: int, width: int) -> Tensor:
    """Pad N×C×H×W to a size at its lower and right edge by reflection, repeatedly for a small image."""
    while x.shape[-2:] != (height, width):
        # One reflection adds at most one pixel less than a side has. A side of one pixel is replicated instead.
        down = min(height - x.shape[-2], x.shape[-2] - 1)
        right = min(width - x.shape[-1], x.shape[-1] - 1)
        if down or right:
            x = pad(x, (0, right, 0, down), mode="reflect")
        else:
            x = pad(x, (0, width - x.shape[-1], 0, height - x.shape[-2]), mode="replicate")
    return x
