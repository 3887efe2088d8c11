"""The architecture of networks: described for people, and inferred from a bare state_dict.

Network files of pixlate and of the reference hold no options; most of them follow from the names and shapes of the
tensors.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from torch import Tensor, nn

from pixlate.errors import CheckpointError

StateDict = Mapping[str, Tensor]

_RESNETS = {9: "resnet_9blocks", 6: "resnet_6blocks"}
_UNETS = {8: "unet_256", 7: "unet_128"}


@dataclass(frozen=True)
class Architecture:
    """A generator's options. `dropout` is None for U-Nets: their weights are the same with and without it."""

    netG: str
    norm: str
    dropout: bool | None
    ngf: int
    input_nc: int
    output_nc: int


def describe_networks(networks: Mapping[str, nn.Module], *, layers: bool = False) -> str:
    """A line per network with its number of parameters, preceded by its layers if `layers` is set."""
    lines = []
    for name, network in networks.items():
        if layers:
            lines.append(str(network))
        count = sum(weight.numel() for weight in network.parameters())
        lines.append(f"[Network {name}] {count / 1e6:.3f} M parameters")
    return "\n".join(lines)


def infer_generator(state: StateDict) -> Architecture:
    """The generator that a state_dict belongs to.

    Synchronised batch norm has the same tensors as batch norm, and is reported as "batch".
    Raises CheckpointError unless it is one of the four built-in generators.
    """
    try:
        return _family(state)(state)
    except (KeyError, IndexError, AttributeError) as error:
        raise CheckpointError(f"these weights of a generator are incomplete: {error} is missing.") from error


def describe_mismatch(expected: Architecture, state: StateDict) -> str | None:
    """The options that a state_dict contradicts, in one sentence; None if it fits them."""
    try:
        inferred = asdict(infer_generator(state))
    except CheckpointError as error:
        return str(error)
    options = asdict(expected)
    names = [name for name in options if not _agree(options[name], inferred[name])]
    if not names:
        return None
    actual = " ".join(_flag(name, inferred[name]) for name in names)
    wanted = " ".join(_flag(name, options[name]) for name in names)
    return f"the weights belong to a generator with {actual}, not {wanted}."


def without_instance_statistics(state: StateDict) -> dict[str, Tensor]:
    """A copy of a state_dict without the running statistics that instance norm had before PyTorch 0.4.

    They are told from those of batch norm by the scale, which instance norm lacks.
    """
    obsolete = {
        f"{norm}.{name}"
        for norm in (key.removesuffix(".running_mean") for key in state if key.endswith(".running_mean"))
        if f"{norm}.weight" not in state
        for name in ("running_mean", "running_var", "num_batches_tracked")
    }
    return {key: value for key, value in state.items() if key not in obsolete}


def _family(state: StateDict) -> Callable[[StateDict], Architecture]:
    if "model.model.0.weight" in state:
        return _unet
    if any(".conv_block." in key for key in state):
        return _resnet
    names = ", ".join([*_RESNETS.values(), *_UNETS.values()])
    raise CheckpointError(f"these weights belong to no generator that can be inferred from them ({names}).")


def _resnet(state: StateDict) -> Architecture:
    blocks = _count(state, r"model\.\d+\.conv_block\.1\.weight")
    _, last = max((int(m[1]), m[0]) for key in state if (m := re.fullmatch(r"model\.(\d+)\.weight", key)))
    # With dropout, the second convolution of a block is layer 6, and layer 5 is its padding, without weights.
    second = state.get("model.10.conv_block.5.weight")
    return Architecture(
        netG=_known(_RESNETS, blocks, "residual blocks"),
        norm=_norm(state, conv="model.1", norm="model.2"),
        dropout=second is None or second.dim() != 4,
        ngf=state["model.1.weight"].shape[0],
        input_nc=state["model.1.weight"].shape[1],
        output_nc=state[last].shape[0],
    )


def _unet(state: StateDict) -> Architecture:
    levels = 1 + _count(state, r"model\.model\.1(\.model\.3)*\.model\.1\.weight")
    return Architecture(
        netG=_known(_UNETS, levels, "levels"),
        norm=_norm(state, conv="model.model.0", norm="model.model.1.model.2"),
        dropout=None,
        ngf=state["model.model.0.weight"].shape[0],
        input_nc=state["model.model.0.weight"].shape[1],
        output_nc=state["model.model.3.weight"].shape[1],
    )


def _norm(state: StateDict, *, conv: str, norm: str) -> str:
    if f"{norm}.weight" in state:
        return "batch"
    # Neither has tensors, but convolutions have a bias before instance norm only.
    return "instance" if f"{conv}.bias" in state else "none"


def _known(names: Mapping[int, str], count: int, of: str) -> str:
    if count not in names:
        known = ", ".join(f"{name} has {number}" for number, name in names.items())
        raise CheckpointError(f"these weights belong to a generator of {count} {of}; {known}.")
    return names[count]


def _count(state: StateDict, pattern: str) -> int:
    return sum(re.fullmatch(pattern, key) is not None for key in state)


def _agree(expected: object, inferred: object) -> bool:
    aliases = {"syncbatch": "batch"}
    unknown = expected is None or inferred is None
    return unknown or aliases.get(str(expected), expected) == aliases.get(str(inferred), inferred)


def _flag(name: str, value: object) -> str:
    if name == "dropout":
        return "--dropout" if value else "--no_dropout"
    return f"--{name} {value}"
