"""Weights rounded to 16 bits once, for networks that only translate."""

import copy

import torch
from torch import nn

from pixlate.models.networks.convolutions import InnerConv2d, InnerConvTranspose2d, NarrowConv2d

#: What uses its weights as they are. Others, spectral norm's for instance, compute something from them first.
PLAIN = (nn.Conv2d, nn.ConvTranspose2d, InnerConv2d, InnerConvTranspose2d, NarrowConv2d)


class RoundedOnce:
    """Gives copies of a network whose convolutions hold 16-bit weights.

    Autocast computes the same, to the bit, but rounds all weights again for every image: 54 million of them in a
    U-Net, which takes longer than the inner half of its convolutions. A copy is renewed when the weights have changed.
    """

    def __init__(self) -> None:
        self._made: tuple[object, nn.Module] | None = None

    def of(self, module: nn.Module, dtype: torch.dtype) -> nn.Module:
        """The copy of a module, in the dtype of autocast."""
        state = (module, dtype, [(weight.data_ptr(), weight._version) for weight in module.parameters()])
        if self._made is None or self._made[0] != state:
            made = copy.deepcopy(module)
            for part in made.modules():
                if type(part) in PLAIN and not part._forward_pre_hooks:
                    part.to(dtype)
            self._made = state, made
        return self._made[1]
