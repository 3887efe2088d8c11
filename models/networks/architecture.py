"""What a bare state_dict says about the network that it belongs to.

Weights of pixlate and of the reference carry no options; names and shapes of their tensors tell most of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from torch import Tensor

from pixlate.errors import CheckpointError

StateDict = Mapping[str, Tensor]

_RESNETS = {9: "resnet_9blocks", 6: "resnet_6blocks"}
_UNETS = {8: "unet_256", 7: "unet_128"}


@dataclass(frozen=True)
class Architecture:
    """A generator, as options name it. dropout is None where weights cannot tell, which is so for U-Nets."""

    netG: str
    norm: str
    dropout: bool | None
    ngf: int
    input_nc: int
    output_nc: int


def infer_generator(state: StateDict) -> Architecture:
    """The generator that a state_dict belongs to.

    Batch norm and synchronised batch norm look the same; both are called "batch".

    Raises CheckpointError when it is none of the four built-in ones.
    """
    try:
        return _family(state)(state)
    except (KeyError, IndexError, AttributeError) as error:
        raise CheckpointError(f"these weights of a generator are incomplete: {error} is missing.") from error


def describe_mismatch(expected: Architecture, state: StateDict) -> str | None:
    """Which options a state_dict contradicts, in one sentence; None when it fits them."""
    try:
        found = infer_generator(state)
    except CheckpointError as error:
        return str(error)
    said, held = asdict(expected), asdict(found)
    names = [name for name in said if not _agree(said[name], held[name])]
    if not names:
        return None
    have = " ".join(_flag(name, held[name]) for name in names)
    want = " ".join(_flag(name, said[name]) for name in names)
    return f"the weights belong to a generator with {have}, not {want}."


def without_instance_statistics(state: StateDict) -> dict[str, Tensor]:
    """A state_dict without the running statistics that instance norms kept before PyTorch 0.4."""
    gone = {
        f"{norm}.{name}"
        for norm in (key.removesuffix(".running_mean") for key in state if key.endswith(".running_mean"))
        if f"{norm}.weight" not in state
        for name in ("running_mean", "running_var", "num_batches_tracked")
    }
    return {key: value for key, value in state.items() if key not in gone}


def _family(state: StateDict) -> Callable[[StateDict], Architecture]:
    if "model.model.0.weight" in state:
        return _unet
    if any(".conv_block." in key for key in state):
        return _resnet
    names = ", ".join([*_RESNETS.values(), *_UNETS.values()])
    raise CheckpointError(f"these weights belong to no generator that can be told by its weights ({names}).")


def _resnet(state: StateDict) -> Architecture:
    blocks = _count(state, r"model\.\d+\.conv_block\.1\.weight")
    _, last = max((int(m[1]), m[0]) for key in state if (m := re.fullmatch(r"model\.(\d+)\.weight", key)))
    # The second convolution of a block comes one layer later when there is dropout between the two.
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
    return "instance" if f"{conv}.bias" in state else "none"


def _known(names: Mapping[int, str], count: int, of: str) -> str:
    if count not in names:
        known = ", ".join(f"{name} has {number}" for number, name in names.items())
        raise CheckpointError(f"these weights belong to a generator of {count} {of}; {known}.")
    return names[count]


def _count(state: StateDict, pattern: str) -> int:
    return sum(re.fullmatch(pattern, key) is not None for key in state)


def _agree(said: object, held: object) -> bool:
    same = {"syncbatch": "batch"}
    return said is None or held is None or same.get(str(said), said) == same.get(str(held), held)


def _flag(name: str, value: object) -> str:
    if name == "dropout":
        return "--dropout" if value else "--no_dropout"
    return f"--{name} {value}"
