"""Convolutions computed in another way where torch's general CPU kernels are inefficient.

Results, weights and their names are those of nn.Conv2d and nn.ConvTranspose2d, which are used on all other devices.
`python -m benchmarks --only layers` measures the difference; docs/performance.md has the figures.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .mode import current_mode

#: The largest number of output positions at which a matrix product is faster than the general convolution.
FEW_POSITIONS = 64
#: The general convolution computes 16 output channels at once; up to this number most of them are unused.
FEW_CHANNELS = 4


class InnerConv2d(nn.Conv2d):
    """A convolution computed as a matrix product if its output has few positions, as in the inner levels of a U-Net.

    In these levels most of the time is spent on reading the weights (17 MB for 512 × 512 × 4 × 4), which the general
    kernels also reorder three times in each step. Kernel, stride and padding must be the same in both dimensions.
    """

    def forward(self, x: Tensor) -> Tensor:
        h, w = self._output_size(x)
        return _product(self, x) if _few_positions(x, h * w) else super().forward(x)

    def product(self, x: Tensor) -> Tensor:
        """The convolution of N×C×H×W as one matrix product."""
        h, w = self._output_size(x)
        patches = F.unfold(x, self.kernel_size[0], padding=int(self.padding[0]), stride=self.stride[0]).transpose(1, 2)
        y: Tensor = _Product.apply(patches.reshape(len(x) * h * w, -1), self.weight.flatten(1), True)
        y = y.view(len(x), h * w, -1).transpose(1, 2).contiguous()
        return _with_bias(y.view(len(x), -1, h, w), self.bias)

    def _output_size(self, x: Tensor) -> tuple[int, int]:
        kernel, stride, padding = self.kernel_size[0], self.stride[0], int(self.padding[0])
        h, w = ((side + 2 * padding - kernel) // stride + 1 for side in x.shape[2:])
        return h, w


class InnerConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution computed as a matrix product if its input has few positions."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if output_size is None and _few_positions(x, x.shape[2] * x.shape[3]):
            return _product(self, x)
        return super().forward(x, output_size)

    def product(self, x: Tensor) -> Tensor:
        """The transposed convolution of N×C×H×W as one matrix product."""
        kernel, stride, padding = self.kernel_size[0], self.stride[0], int(self.padding[0])
        n, channels, h, w = x.shape
        pixels = x.flatten(2).transpose(1, 2).reshape(n * h * w, channels)
        patches: Tensor = _Product.apply(pixels, self.weight.flatten(1), False)
        height, width = ((side - 1) * stride - 2 * padding + kernel for side in (h, w))
        columns = patches.view(n, h * w, -1).transpose(1, 2)
        # Overlapping patches are summed in fp32 at least, as inside a convolution.
        full = torch.promote_types(columns.dtype, torch.float32)
        y = F.fold(columns.to(full), (height, width), kernel, padding=padding, stride=stride)
        return _with_bias(y.to(columns.dtype), self.bias)


class NarrowConv2d(nn.Conv2d):
    """A convolution of stride 1 to few channels, computed with stride 2 and four times as many channels.

    The general kernels always compute 16 output channels. Here each 2 × 2 square of output pixels is computed as four
    channels of one pixel: the square depends on kernel + 1 rows and columns of the input, and each of its pixels has a
    copy of the weights, zero-padded to that size and shifted by the pixel's offset within the square.
    """

    def forward(self, x: Tensor) -> Tensor:
        kernel, padding = self.kernel_size[0], int(self.padding[0])
        even = all((side + 2 * padding - kernel + 1) % 2 == 0 for side in x.shape[2:])
        if self.out_channels > FEW_CHANNELS or not even or x.device.type != "cpu":
            return super().forward(x)
        corners = [F.pad(self.weight, (right, 1 - right, down, 1 - down)) for down in (0, 1) for right in (0, 1)]
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        squares = F.conv2d(x, torch.stack(corners, 1).flatten(0, 1), bias, stride=2, padding=padding)
        return F.pixel_shuffle(squares, 2)


def _few_positions(x: Tensor, positions: int) -> bool:
    """Whether a matrix product is faster for a batch with that number of positions per image."""
    in_one_product = positions if current_mode() is not None else len(x) * positions  # see _product
    return x.device.type == "cpu" and in_one_product <= FEW_POSITIONS


class _Product(torch.autograd.Function):
    """The product of rows with the weights, or with their transpose, in autocast's precision if that is enabled.

    The backward pass of torch.matmul returns the gradient of the weights in a layout that requires two more copies of
    it, and multiplies a large transposed matrix by a few columns, which in fp32 takes ten times as long.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, transposed: bool) -> Tensor:
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else rows.dtype
        matrix = weight.to(dtype)
        ctx.save_for_backward(rows, weight, matrix)
        ctx.transposed = transposed
        return rows.to(dtype) @ (matrix.t() if transposed else matrix)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (gradient,) = gradients
        rows, weight, matrix = ctx.saved_tensors
        if torch.is_grad_enabled():  # double backward: the graph must contain the weight itself, not a rounded copy
            matrix = weight.to(matrix.dtype)
        rows_gradient = weight_gradient = None
        if ctx.needs_input_grad[0]:
            rows_gradient = (gradient @ (matrix if ctx.transposed else matrix.t())).to(rows.dtype)
        if ctx.needs_input_grad[1]:
            rows = rows.to(matrix.dtype)
            weight_gradient = (gradient.t() @ rows if ctx.transposed else rows.t() @ gradient).to(weight.dtype)
        return rows_gradient, weight_gradient, None


def _with_bias(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y + bias.to(y.dtype).view(-1, 1, 1)


def _product(conv: InnerConv2d | InnerConvTranspose2d, x: Tensor) -> Tensor:
    """The product for a batch, in inference mode image by image.

    A matrix product may round differently with another number of rows, and a translated image must not depend on the
    others in its batch.
    """
    if current_mode() is None or len(x) == 1:
        return conv.product(x)
    return torch.cat([conv.product(image) for image in torch.split(x, 1)])
