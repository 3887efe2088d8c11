"""Constructs networks by name, for `pixlate.create_generator` and `pixlate.create_discriminator`."""

from torch import nn

from pixlate.errors import OptionError
from pixlate.plugins.manager import Plugins

from .init import initialise


def create_generator(
    plugins: Plugins,
    name: str,
    *,
    input_nc: int,
    output_nc: int,
    ngf: int = 64,
    norm: str = "instance",
    use_dropout: bool = False,
    init_type: str = "normal",
    init_gain: float = 0.02,
) -> nn.Module:
    """A generator: N×input_nc×H×W to N×output_nc×H×W in [-1, 1].

    Its weights are fresh, drawn from torch's global generator.

    - name, norm, init_type: as registered ("resnet_9blocks", "batch", "orthogonal", …).
    - ngf: channels of its first layer.

    Raises OptionError for an unknown name (with the nearest known one) and for a count below 1.
    """
    _check_counts(input_nc=input_nc, output_nc=output_nc, ngf=ngf)
    network = plugins.registry("network").get(name, role="generator").load()
    net: nn.Module = network(
        input_nc=input_nc,
        output_nc=output_nc,
        ngf=ngf,
        norm=plugins.registry("norm").get(norm).load(),
        use_dropout=use_dropout,
    )
    initialise(net, plugins.registry("init").get(init_type).load(), init_gain)
    return net


def create_discriminator(
    plugins: Plugins,
    name: str,
    *,
    input_nc: int,
    ndf: int = 64,
    n_layers: int = 3,
    norm: str = "instance",
    init_type: str = "normal",
    init_gain: float = 0.02,
) -> nn.Module:
    """A discriminator: N×input_nc×H×W to N×1×h×w logits.

    Its weights are fresh, drawn from torch's global generator.

    - name, norm, init_type: as registered ("basic", "instance", "normal", …).
    - ndf: channels of its first layer; n_layers: depth, for those whose depth is variable.

    Raises OptionError for an unknown name (with the nearest known one) and for a count below 1.
    """
    _check_counts(input_nc=input_nc, ndf=ndf, n_layers=n_layers)
    network = plugins.registry("network").get(name, role="discriminator").load()
    net: nn.Module = network(
        input_nc=input_nc, ndf=ndf, n_layers=n_layers, norm=plugins.registry("norm").get(norm).load()
    )
    initialise(net, plugins.registry("init").get(init_type).load(), init_gain)
    return net


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise OptionError(f"'{name}' must be at least 1, not {count}.")
