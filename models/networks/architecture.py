"""The architecture of networks: described in text, and inferred from a bare state_dict.

Network files of pixlate and of the reference hold no options; most options follow from the names and shapes of the
tensors.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from torch import Tensor, nn

from pixlate.errors import CheckpointError
from pixlate.util.text import counted

StateDict = Mapping[str, Tensor]

_RESNETS = {9: "resnet_9blocks", 6: "resnet_6blocks"}
_UNETS = {8: "unet_256", 7: "unet_128"}


@dataclass(frozen=True)
class Architecture:
    """A generator's options. `dropout` is None for U-Nets, whose weights do not depend on it."""

    netG: str
    norm: str
    dropout: bool | None
    ngf: int
    input_nc: int
    output_nc: int


def describe_networks(networks: Mapping[str, nn.Module], *, layers: bool = False) -> str:
    """One line per network with its number of parameters, preceded by its layers if `layers` is set."""
    lines = []
    for name, network in networks.items():
        if layers:
            lines.append(str(network))
        count = sum(weight.numel() for weight in network.parameters())
        lines.append(f"[Network {name}] {count / 1e6:.3f} M parameters")
    return "\n".join(lines)


def infer_generator(state: StateDict) -> Architecture:
    """The architecture of the generator that a state_dict belongs to.

    Synchronised batch norm has the same tensors as batch norm, and is reported as "batch".
    Raises CheckpointError unless it is one of the four built-in generators, with all its tensors.
    """
    return _family(state)(state)


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
    inferred_flags = " ".join(_flag(name, inferred[name]) for name in names)
    expected_flags = " ".join(_flag(name, options[name]) for name in names)
    return f"the weights belong to a generator with {inferred_flags}, not {expected_flags}."


def without_instance_statistics(state: StateDict) -> dict[str, Tensor]:
    """A copy of a state_dict without the running statistics that instance norm had before PyTorch 0.4.

    They are distinguished from those of batch norm by the scale ("weight"), which instance norm does not have.
    """
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return {
        key: value
        for key, value in state.items()
        if key.rpartition(".")[2] not in statistics or f"{key.rpartition('.')[0]}.weight" in state
    }


def _family(state: StateDict) -> Callable[[StateDict], Architecture]:
    if "model.model.0.weight" in state:
        return _unet
    if any(".conv_block." in key for key in state):
        return _resnet
    names = ", ".join([*_RESNETS.values(), *_UNETS.values()])
    raise CheckpointError(f"these weights belong to none of the generators that can be recognised: {names}.")


def _resnet(state: StateDict) -> Architecture:
    blocks = _count(state, r"model\.\d+\.conv_block\.1\.weight")
    # Layers 0 to 9 are the padding, a convolution and the two downsampling layers, each convolution with norm and ReLU.
    # After the blocks come two upsampling layers of three modules, the padding, and the last convolution.
    last = 10 + blocks + 2 * 3 + 1
    # With dropout, the second convolution of a block is layer 6, and layer 5 is its padding, without weights.
    second = state.get("model.10.conv_block.5.weight")
    ngf, input_nc = _weight(state, "model.1.weight").shape[:2]
    return Architecture(
        netG=_known(_RESNETS, blocks, "residual block"),
        norm=_norm(state, conv="model.1", norm="model.2"),
        dropout=not (isinstance(second, Tensor) and second.dim() == 4),
        ngf=ngf,
        input_nc=input_nc,
        output_nc=_weight(state, f"model.{last}.weight").shape[0],
    )


def _unet(state: StateDict) -> Architecture:
    # Each level has the next one as its layer 3, in the outermost level as its layer 1.
    levels = 1 + _count(state, r"model\.model\.1(\.model\.3)*\.model\.1\.weight")
    ngf, input_nc = _weight(state, "model.model.0.weight").shape[:2]
    return Architecture(
        netG=_known(_UNETS, levels, "level"),
        norm=_norm(state, conv="model.model.0", norm="model.model.1.model.2"),
        dropout=None,
        ngf=ngf,
        input_nc=input_nc,
        output_nc=_weight(state, "model.model.3.weight").shape[1],  # of a transposed convolution: in × out × h × w
    )


def _weight(state: StateDict, key: str) -> Tensor:
    """A convolution's weight. Raises CheckpointError if there is none."""
    weight = state.get(key)
    if not isinstance(weight, Tensor) or weight.dim() != 4:
        raise CheckpointError(f"these weights of a generator are incomplete: '{key}' is missing.")
    return weight


def _norm(state: StateDict, *, conv: str, norm: str) -> str:
    if f"{norm}.weight" in state:
        return "batch"
    # Neither instance norm nor "none" has tensors, but only before instance norm do convolutions have a bias.
    return "instance" if f"{conv}.bias" in state else "none"


def _known(names: Mapping[int, str], count: int, unit: str) -> str:
    """The name of the generator with that number of blocks or levels. Raises CheckpointError if there is none."""
    if count not in names:
        known = ", ".join(f"{name} has {number}" for number, name in names.items())
        raise CheckpointError(f"these weights belong to a generator of {counted(count, unit)}; {known}.")
    return names[count]


def _count(state: StateDict, pattern: str) -> int:
    return sum(re.fullmatch(pattern, key) is not None for key in state)


def _agree(expected: object, inferred: object) -> bool:
    aliases = {"syncbatch": "batch"}  # both have the same tensors
    unknown = expected is None or inferred is None
    return unknown or aliases.get(str(expected), expected) == aliases.get(str(inferred), inferred)


def _flag(name: str, value: object) -> str:
    if name == "dropout":
        return "--dropout" if value else "--no_dropout"
    return f"--{name} {value}"
