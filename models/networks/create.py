"""Networks by name: what `pixlate.create_generator` and `pixlate.create_discriminator` are."""

from typing import Any

from torch import nn

from pixlate.errors import OptionError
from pixlate.plugins import get_plugins

from .init import initialise


def create_generator(
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
    _check(input_nc=input_nc, output_nc=output_nc, ngf=ngf)
    make = get_plugins().registry("network").get(name, role="generator").load()
    net: nn.Module = make(
        input_nc=input_nc, output_nc=output_nc, ngf=ngf, norm=_load("norm", norm), use_dropout=use_dropout
    )
    initialise(net, _load("init", init_type), init_gain)
    return net


def create_discriminator(
    name: str,
    *,
    input_nc: int,
    ndf: int = 64,
    n_layers: int = 3,
    norm: str = "instance",
    init_type: str = "normal",
    init_gain: float = 0.02,
) -> nn.Module:
    """A discriminator: N×input_nc×H×W to N×1×h×w judgements, before any sigmoid.

    Its weights are fresh, drawn from torch's global generator.

    - name, norm, init_type: as registered ("basic", "instance", "normal", …).
    - ndf: channels of its first layer; n_layers: depth, for those that have a choice.

    Raises OptionError for an unknown name (with the nearest known one) and for a count below 1.
    """
    _check(input_nc=input_nc, ndf=ndf, n_layers=n_layers)
    make = get_plugins().registry("network").get(name, role="discriminator").load()
    net: nn.Module = make(input_nc=input_nc, ndf=ndf, n_layers=n_layers, norm=_load("norm", norm))
    initialise(net, _load("init", init_type), init_gain)
    return net


def size_problem(name: str, net: nn.Module, *, height: int, width: int) -> str | None:
    """Why a network cannot take pictures of this size, in one sentence; None when it can.

    A network says what it needs by `size_multiple` (what sides must be multiples of) and `minimum_size`.
    """
    multiple = int(getattr(net, "size_multiple", 1))
    minimum = int(getattr(net, "minimum_size", 1))
    fitting = [max(minimum, (side + multiple // 2) // multiple * multiple) for side in (width, height)]
    if fitting == [width, height]:
        return None
    needs = f"multiples of {multiple} and " if multiple > 1 else ""
    return (
        f"'{name}' cannot take pictures of {width}x{height}: "
        f"sides must be {needs}at least {minimum}, such as {fitting[0]}x{fitting[1]}."
    )


def _load(kind: str, name: str) -> Any:
    return get_plugins().registry(kind).get(name).load()


def _check(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise OptionError(f"'{name}' must be at least 1, not {count}.")
