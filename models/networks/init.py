"""Weight initialisation.

pix2pix and CycleGAN draw weights from a normal distribution of standard deviation 0.02. Xavier: Glorot and
Bengio 2010. Kaiming: He et al. 2015. Orthogonal: Saxe, McClelland and Ganguli 2013.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

#: Fills a weight in place, given the gain.
InitFunction = Callable[[Tensor, float], object]


def normal(weight: Tensor, gain: float) -> None:
    """A normal distribution with the gain as its standard deviation."""
    nn.init.normal_(weight, 0.0, gain)


def xavier(weight: Tensor, gain: float) -> None:
    """A normal distribution of variance gain² · 2 / (fan_in + fan_out)."""
    nn.init.xavier_normal_(weight, gain=gain)


def kaiming(weight: Tensor, gain: float) -> None:
    """A normal distribution of variance 2 / fan_in; the gain is ignored, as in the reference."""
    nn.init.kaiming_normal_(weight, a=0, mode="fan_in")


def orthogonal(weight: Tensor, gain: float) -> None:
    """A random orthogonal matrix times the gain."""
    nn.init.orthogonal_(weight, gain=gain)


def initialise(net: nn.Module, init: InitFunction, gain: float) -> None:
    """Initialise a network in place, drawing from torch's global generator.

    Convolutions and linear layers: weights by `init`, biases zero. Batch norm: scales from a normal distribution of
    mean 1 and standard deviation `gain`, shifts zero. Synchronised batch norm keeps torch's ones and zeros, as in the
    reference, which selects layers by the class name "BatchNorm2d".
    """
    for module in net.modules():
        if isinstance(module, _ConvNd | nn.Linear):
            init(module.weight, gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, gain)
            nn.init.zeros_(module.bias)
