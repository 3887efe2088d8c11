"""Edges of the input that the output lost, and edges that it invented."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

from .inputs import InputMetric

LUMA = (0.299, 0.587, 0.114)  # of BT.601
SIGMA = 1.0  # pixels, of the Gaussian before the gradient, as in Canny's detector
#: An edge is a pixel whose gradient is above twice the root mean square of the image's, the threshold of MATLAB's
#: edge(…, "sobel"). Relative to the image, so that brightness and contrast change nothing. For an edge of the other
#: image to count as kept, half of that is enough: otherwise one that lies at the threshold would be lost and found by
#: chance. On photographs whose brightness and colours were changed, this loses 0.2 % of the edges, and Canny's
#: detector with the highest tenth of the gradients as edges 4 %, see docs/evaluation.md.
STRONG, WEAK = 2.0, 1.0
TOLERANCE = 2  # pixels, in each direction
FLAT = 1 / 255  # a root mean square below one level per pixel: noise of an image without edges


class EdgesLost(InputMetric):
    """The share of the input's edges without an edge of the output within 2 pixels, from 0 to 1.

    Edges are pixels with a large gradient of the brightness, relative to the image. 0 where there are no edges.
    """

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        return share_without(edge_strength(real), edge_strength(fake))


class EdgesInvented(InputMetric):
    """The share of the output's edges without an edge of the input within 2 pixels, from 0 to 1."""

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        return share_without(edge_strength(fake), edge_strength(real))


def edge_strength(images: Tensor) -> Tensor:
    """N×1×H×W gradients of N×1×H×W or N×3×H×W images in [0, 1], relative to the root mean square of each image."""
    weights = images.new_tensor(LUMA if images.shape[1] == 3 else (1.0,))
    grey = (images * weights[:, None, None]).sum(1, keepdim=True)
    radius = math.ceil(3 * SIGMA)
    offsets = torch.arange(-radius, radius + 1, dtype=grey.dtype, device=grey.device)
    gaussian = torch.exp(-offsets.square() / (2 * SIGMA**2))
    smooth = _filtered(_filtered(grey, gaussian[None] / gaussian.sum()), gaussian[:, None] / gaussian.sum())
    sobel = grey.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8  # the change per pixel
    size = torch.hypot(_filtered(smooth, sobel), _filtered(smooth, sobel.T))
    return size / size.square().mean((2, 3), keepdim=True).sqrt().clamp(min=FLAT)


def share_without(edges: Tensor, others: Tensor) -> Tensor:
    """The share of the edges of N images that have none of the other images near them; 0 where there are no edges."""
    strong = (edges > STRONG).double()
    near = max_pool2d((others > WEAK).to(others.dtype), 2 * TOLERANCE + 1, stride=1, padding=TOLERANCE)
    lost = (strong * (1 - near.double())).sum((1, 2, 3))
    return lost / strong.sum((1, 2, 3)).clamp(min=1)


def _filtered(images: Tensor, kernel: Tensor) -> Tensor:
    """The images filtered by an h×w kernel of odd sides, with repeated borders."""
    bottom, right = kernel.shape[0] // 2, kernel.shape[1] // 2
    return conv2d(pad(images, (right, right, bottom, bottom), mode="replicate"), kernel[None, None])
