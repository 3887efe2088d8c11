"""State dicts as programs write them: inside of other dicts, with prefixes, of older PyTorch versions.

{"epoch": 3, "state_dict": {"module.model.1.weight": …}}    is read as    {"model.1.weight": …}
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pixlate.errors import CheckpointError
from pixlate.util.text import listed

from .networks.architecture import without_instance_statistics

#: The keys under which programs put one network's state dict, the averaged weights before the plain ones.
WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "networks", "weights", "net", "network")
#: The parts of names that DataParallel and torch.compile add.
ADDED_PARTS = frozenset({"module", "_orig_mod"})
MAX_DEPTH = 4  # of dicts within dicts


def find_state_dict(content: Mapping[str, Any], network: str) -> dict[str, Tensor]:
    """The bare state dict of one network in the content of a checkpoint file.

    - content: tensors by name, perhaps inside of other dicts, and beside other values, which are ignored.
    - network: the network's name, which chooses among several: "G" is also found as "netG" and "generator".

    Raises CheckpointError where there is none, or where several are possible.
    """
    for _ in range(MAX_DEPTH):
        if any(isinstance(value, Tensor) for value in content.values()):
            return _named_part(_bare(content), network)
        inner = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Mapping)}
        key = _choice(inner, network)
        if key is None:
            break
        content = inner[key]
    keys = listed((repr(key) for key in content), 4)
    raise CheckpointError(f"no weights of a network are in it, only {keys}." if keys else "it is empty.")


def fit(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A bare state dict with the names and counters that a network has, and without statistics that it does not have.

    - expected: the network's own state dict.

    Before version 0.4.1 of PyTorch, batch norm had no `num_batches_tracked`; before 0.4, instance norm had running
    statistics. Both are brought to the network's form; other differences remain.
    """
    names = {_bare_name(key): key for key in expected}
    named = {names.get(key, key): value for key, value in weights.items()}
    kept = without_instance_statistics(named)
    fitted = {key: value for key, value in named.items() if key in kept or key in expected}
    counters = {key: value for key, value in expected.items() if key.endswith(".num_batches_tracked")}
    return {**counters, **fitted}


def _choice(inner: Mapping[str, object], network: str) -> str | None:
    """The key of the dict to look into; None where there is none."""
    for key in (*_aliases(network), *WRAPPERS):
        if key in inner:
            return key
    directions = [key for key in inner if key.startswith(tuple(f"{alias}_" for alias in _aliases(network)))]
    if len(directions) > 1:
        raise CheckpointError(f"it holds several networks, {listed(directions)}: save the one to use in its own file.")
    return directions[0] if directions else None


def _named_part(state: dict[str, Tensor], network: str) -> dict[str, Tensor]:
    """Of the tensors of several networks, whose names begin with their networks', those of one."""
    for alias in _aliases(network):
        part = {key.removeprefix(f"{alias}."): value for key, value in state.items() if key.startswith(f"{alias}.")}
        if part:
            return part
    return state


def _aliases(network: str) -> tuple[str, ...]:
    """The names that programs give to the network of a name: G_A, netG_A, generator_A."""
    kind = {"G": "generator", "D": "discriminator"}.get(network[:1], network[:1])
    return network, f"net{network}", kind + network[1:]


def _bare(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors by their bare names."""
    return {
        _bare_name(key): value for key, value in state.items() if isinstance(key, str) and isinstance(value, Tensor)
    }


def _bare_name(key: str) -> str:
    return ".".join(part for part in key.split(".") if part not in ADDED_PARTS)
