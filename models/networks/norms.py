"""Normalisation layers: batch, instance, synchronised batch, and none.

    y = (x - mean) / sqrt(variance + 1e-5) [* weight + bias]

Batch norm (Ioffe and Szegedy 2015) takes mean and variance over the batch; instance norm (Ulyanov, Vedaldi
and Lempitsky 2016) over each image. A norm says of itself whether the convolutions around it have a bias
(`conv_bias`) and whether an image is normalised without regard to its batch (`per_sample`).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .mode import InferenceMode, current_mode

#: Makes the norm for a number of channels; any of the classes below, or a plugin's.
NormFactory = Callable[[int], nn.Module]


def conv_bias(norm: NormFactory) -> bool:
    """Whether convolutions around this norm have a bias. A norm that does not say gets them."""
    return bool(getattr(norm, "conv_bias", True))


class BatchNorm(nn.BatchNorm2d):
    """Batch norm with a learnt scale and shift; at test by the image's or the running statistics."""

    conv_bias = False
    per_sample = False

    def forward(self, x: Tensor) -> Tensor:
        mode = current_mode()
        return super().forward(x) if mode is None else _at_test(self, x, mode)


class SyncBatchNorm(nn.SyncBatchNorm):
    """Batch norm whose statistics are those of all processes' batches together."""

    conv_bias = False
    per_sample = False

    def forward(self, x: Tensor) -> Tensor:
        mode = current_mode()
        return super().forward(x) if mode is None else _at_test(self, x, mode)


def _at_test(norm: BatchNorm | SyncBatchNorm, x: Tensor, mode: InferenceMode) -> Tensor:
    if mode.statistics == "image":
        return _each_image(x, norm.weight, norm.bias, norm.eps)
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


def _each_image(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """Batch norm of one image at a time: for each of them, to the bit, what a batch of one gives."""
    normalised = [F.batch_norm(one, None, None, weight, bias, training=True, eps=eps) for one in x.chunk(len(x))]
    return normalised[0] if len(normalised) == 1 else torch.cat(normalised)


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm without scale, shift or memory; it has no entries in a state_dict.

    The mathematics of nn.InstanceNorm2d by other kernels, because (torch 2.15, CPU) its gradient at batch 1
    is wrong when the incoming gradient is channels_last. Measured there at 1×64×256×256, forward and backward
    in ms:

        fp32            nn.InstanceNorm2d   here  | bf16   nn.InstanceNorm2d   here
        contiguous                    6.2    2.9  |                      1.7    1.5
        channels_last                21.2    3.0  |                     10.7    2.3
    """

    conv_bias = True
    per_sample = True

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling() or x.dim() != 4:
            return super().forward(x)
        on_cpu = x.device.type == "cpu"
        if on_cpu and x.is_contiguous():
            return F.group_norm(x, x.shape[1], eps=self.eps)
        if on_cpu or len(x) == 1:
            return _each_image(x, None, None, self.eps)
        return super().forward(x)


class NoNorm(nn.Identity):
    """No normalisation, and as in the reference no bias in the convolutions around it either."""

    conv_bias = False
    per_sample = True
