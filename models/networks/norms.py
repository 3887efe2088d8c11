"""Normalisation layers: batch, instance, synchronised batch, and none.

    y = (x - mean) / sqrt(variance + 1e-5) [* weight + bias]

Batch norm (Ioffe and Szegedy 2015) takes mean and variance over the batch; instance norm (Ulyanov, Vedaldi
and Lempitsky 2016) over each image. A norm class has two attributes: `conv_bias`, whether the convolutions around it
have a bias, and `per_sample`, whether it normalises each image independently of its batch.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .mode import InferenceMode, current_mode

#: Builds the norm for a number of channels: any of the classes below, or a plugin's.
NormFactory = Callable[[int], nn.Module]


def conv_bias(norm: NormFactory) -> bool:
    """Whether convolutions around this norm have a bias; True for a norm without the attribute.

    Before a norm that subtracts the mean, a bias has no effect. The reference nevertheless has one before instance
    norm, and its checkpoints contain it.
    """
    return bool(getattr(norm, "conv_bias", True))


class BatchNorm(nn.BatchNorm2d):
    """Batch norm with learnt scale and shift; in inference mode it uses each image's statistics or the running ones."""

    conv_bias = False
    per_sample = False

    def forward(self, x: Tensor) -> Tensor:
        mode = current_mode()
        return super().forward(x) if mode is None else _in_inference(self, x, mode)


class SyncBatchNorm(nn.SyncBatchNorm):
    """Batch norm with statistics over the batches of all processes; in inference mode the same as BatchNorm."""

    conv_bias = False
    per_sample = False

    def forward(self, x: Tensor) -> Tensor:
        mode = current_mode()
        return super().forward(x) if mode is None else _in_inference(self, x, mode)


def _in_inference(norm: BatchNorm | SyncBatchNorm, x: Tensor, mode: InferenceMode) -> Tensor:
    if mode.statistics == "image":
        return _each_image(x, norm.weight, norm.bias, norm.eps)
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


def _each_image(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """Batch norm of one image at a time: bit for bit the results of batches of one."""
    normalised = [F.batch_norm(image, None, None, weight, bias, training=True, eps=eps) for image in torch.split(x, 1)]
    return normalised[0] if len(normalised) == 1 else torch.cat(normalised)


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm without scale, shift or running statistics; it has no entries in a state_dict.

    It computes nn.InstanceNorm2d with other kernels because of a bug in torch 2.15 on CPUs: the gradient at batch 1 is
    silently wrong (nearly orthogonal to the true one) if the incoming gradient is channels_last, as it is after a
    transposed view. The other kernels are also faster; forward and backward pass at 1×64×256×256, in ms:

        fp32            nn.InstanceNorm2d   this  | bf16   nn.InstanceNorm2d   this
        contiguous                    6.2    2.9  |                      1.7    1.5
        channels_last                21.2    3.0  |                     10.7    2.3
    """

    conv_bias = True
    per_sample = True

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling() or x.dim() != 4:
            return super().forward(x)
        on_cpu = x.device.type == "cpu"
        if on_cpu and x.is_contiguous():  # group norm with one channel per group is instance norm
            return F.group_norm(x, x.shape[1], eps=self.eps)
        if on_cpu or len(x) == 1:  # batch norm of a single image is instance norm
            return _each_image(x, None, None, self.eps)
        return super().forward(x)


class NoNorm(nn.Identity):
    """No normalisation. Convolutions around it have no bias, as in the reference."""

    conv_bias = False
    per_sample = True
