"""The layers of a generator in the forms that are exported: norms of one mode, no dropout, plain convolutions.

pixlate's own layers read the inference mode, and choose kernels by the sizes of their input: neither can be part of a
graph that is traced once. Layers of plugins stay as they are, in evaluation mode.
"""

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from pixlate.models.networks.convolutions import InnerConv2d, InnerConvTranspose2d, NarrowConv2d
from pixlate.models.networks.layers import Dropout, ReflectionPad
from pixlate.models.networks.norms import BatchNorm, InstanceNorm, SyncBatchNorm

#: Where batch norm takes its statistics from: of each image, as test.py does, or the running ones, as `--eval`.
Statistics = Literal["image", "running"]

#: pixlate's layers whose parameters and results are those of a layer of torch.
_PLAIN: dict[type[nn.Module], type[nn.Module]] = {
    InnerConv2d: nn.Conv2d,
    InnerConvTranspose2d: nn.ConvTranspose2d,
    NarrowConv2d: nn.Conv2d,
    ReflectionPad: nn.ReflectionPad2d,
    Dropout: nn.Identity,
}


class ImageNorm(nn.Module):
    """Norm of N×C×H×W by the statistics of each channel of each image, computed in float32.

    - weight, bias: the learnt scale and shift of batch norm; None for instance norm.
    """

    def __init__(self, weight: nn.Parameter | None, bias: nn.Parameter | None, eps: float) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = weight, bias, eps

    def forward(self, x: Tensor) -> Tensor:
        # Group norm of one channel per group, which ONNX has as InstanceNormalization.
        return F.group_norm(x.float(), x.shape[1], self.weight, self.bias, self.eps).to(x.dtype)


class RunningNorm(nn.Module):
    """Norm of N×C×H×W by running statistics, computed in float32: a scale and a shift of each channel."""

    def __init__(self, norm: BatchNorm | SyncBatchNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.register_buffer("mean", norm.running_mean)
        self.register_buffer("variance", norm.running_var)

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.get_buffer("mean"), self.get_buffer("variance")
        return F.batch_norm(x.float(), mean, variance, self.weight, self.bias, eps=self.eps).to(x.dtype)


def exportable(network: nn.Module, statistics: Statistics) -> nn.Module:
    """A copy of a network in evaluation mode, its layers replaced by those that can be exported."""
    # The older spectral_norm keeps the weight that it computed, which is no leaf and cannot be copied otherwise.
    computed = [x for part in network.modules() for x in vars(part).values() if isinstance(x, Tensor) and not x.is_leaf]
    copied = copy.deepcopy(network, {id(x): x.detach().clone() for x in computed})
    copied.requires_grad_(False).eval()
    for part in copied.modules():
        if parametrize.is_parametrized(part):
            for name in list(part.parametrizations):  # type: ignore[arg-type]  # a ModuleDict
                parametrize.remove_parametrizations(part, name, leave_parametrized=True)
    return _replaced(copied, statistics, {})


def compute_in(network: nn.Module, dtype: torch.dtype) -> None:
    """Convert a network's weights to another precision, those of its norms aside."""
    network.to(dtype)
    for part in network.modules():
        if isinstance(part, ImageNorm | RunningNorm):
            part.float()


def has_batch_norm(network: nn.Module) -> bool:
    """Whether the results of a network depend on the choice of statistics."""
    return any(_is(part, BatchNorm) or _is(part, SyncBatchNorm) for part in network.modules())


def has_dropout(network: nn.Module) -> bool:
    """Whether a network has dropout, which an export leaves out."""
    return any(isinstance(part, nn.modules.dropout._DropoutNd) and part.p for part in network.modules())


def _replaced(part: nn.Module, statistics: Statistics, known: dict[int, nn.Module]) -> nn.Module:
    if id(part) in known:  # a module that is used twice
        return known[id(part)]
    known[id(part)] = new = _form(part, statistics)
    for name, child in list(new._modules.items()):  # named_children leaves out what was there before
        if child is not None:
            setattr(new, name, _replaced(child, statistics, known))
    return new


def _form(part: Any, statistics: Statistics) -> nn.Module:
    if _is(part, InstanceNorm):
        return ImageNorm(None, None, part.eps)
    if _is(part, BatchNorm) or _is(part, SyncBatchNorm):
        return ImageNorm(part.weight, part.bias, part.eps) if statistics == "image" else RunningNorm(part)
    if type(part) in _PLAIN:
        part.__class__ = _PLAIN[type(part)]
    module: nn.Module = part
    return module


def _is(part: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a layer is of a class, or of a subclass that computes nothing else."""
    return isinstance(part, kind) and type(part).forward is kind.forward
