"""Network files, `<tag>_net_<name>.pth`: reading them without executing code, and loading them into networks.

Each holds one bare state_dict, as in the reference; other programs' files may wrap it, see `state_dicts`.
`read_tensors` also reads the files of whole training states.
"""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixlate.errors import CheckpointError

from .base import BaseModel
from .networks.architecture import describe_mismatch, infer_generator
from .state_dicts import find_state_dict, fit


def load_networks(model: BaseModel[Any], folder: Path, tag: str, *, use_ema: bool = False) -> None:
    """Load `<tag>_net_<name>.pth` of a run's folder into each of a model's networks.

    With `use_ema`, `<tag>_net_<name>_ema.pth` is preferred where it exists.
    Raises CheckpointError for a file that is missing, damaged or of another architecture.
    """
    for name, network in model.networks.items():
        path = folder / f"{tag}_net_{name}.pth"
        average = folder / f"{tag}_net_{name}_ema.pth"
        if use_ema and average.exists():
            path = average
        if not path.exists():
            raise CheckpointError(_explain_missing(folder, tag, name))
        load_weights(network, path, name)


def load_weights(network: nn.Module, path: Path, name: str = "G") -> None:
    """Load a file with one network's weights, of pixlate, of the reference or of another program, into a network.

    - name: the network's name, which chooses where the file holds several networks.

    Raises CheckpointError if the file cannot be read, or if its tensors do not fit the network.
    """
    expected = network.state_dict()
    weights = fit(read_weights(path, name, expected), expected)
    if {key: value.shape for key, value in expected.items()} != {key: _shape(value) for key, value in weights.items()}:
        raise CheckpointError(f"'{path}' does not fit: {_explain_difference(expected, weights)}")
    network.load_state_dict(weights)


def read_weights(path: Path, name: str = "G", expected: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The state_dict of one network in a file, without the wrappers and prefixes of other programs.

    - name: the network's name, which chooses where the file holds several.
    - expected: the state_dict of the network to load; a file with exactly its names is taken as it is.

    Raises CheckpointError if the file cannot be read, or has no such network.
    """
    content = read_tensors(path)
    if expected is not None and content.keys() == expected.keys():
        return content
    try:
        return find_state_dict(content, name)
    except CheckpointError as error:
        raise CheckpointError(f"'{path}' cannot be used: {error}") from None


def read_tensors(path: Path, *, device: str = "cpu") -> dict[str, Any]:
    """Read a dict of tensors and plain values; code in the file is not executed. Raises CheckpointError."""
    try:
        with warnings.catch_warnings():
            # torch warns of old formats and unusual pickles; such a file loads, or is rejected below
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file '{path}'.") from None
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # torch raises many types for a damaged file: RuntimeError, KeyError, ValueError, …
        if isinstance(error, pickle.UnpicklingError) and "Weights only load failed" in str(error):
            raise CheckpointError(
                f"'{path}' holds more than tensors and plain values, or is damaged; it was not loaded."
            ) from error
        raise CheckpointError(f"'{path}' is damaged or is no checkpoint.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"'{path}' holds a {type(content).__name__}, not a checkpoint.")
    if not all(isinstance(key, str) for key in content):
        raise CheckpointError(f"'{path}' holds a dict whose keys are not names, not a checkpoint.")
    return dict(content)


def checkpoint_tags(folder: Path) -> list[str]:
    """The tags of the network files in a folder, epochs first: 5, 10, iter_5000, latest."""
    tags = {path.name.split("_net_")[0] for path in folder.glob("*_net_*.pth")}
    return sorted(tags, key=lambda tag: (not tag.isdigit(), int(tag) if tag.isdigit() else 0, tag))


def _explain_difference(expected: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> str:
    """The options in which two generators differ, else the first tensor that differs."""
    try:
        mismatch = describe_mismatch(infer_generator(expected), weights)
    except CheckpointError:  # the network is not one of the built-in generators
        mismatch = None
    if mismatch is not None:
        return mismatch
    key = next(key for key in {**expected, **weights} if _shape(expected.get(key)) != _shape(weights.get(key)))
    if key not in weights:
        return f"it has no tensor '{key}'."
    if key not in expected:
        return f"the network has no tensor '{key}'."
    return f"'{key}' has the shape {_shape(weights[key])} in the file and {_shape(expected[key])} in the network."


def _explain_missing(folder: Path, tag: str, name: str) -> str:
    if not folder.is_dir():
        return f"there is no run folder '{folder}'."
    files = sorted({path.name for path in folder.glob(f"{tag}_net_*.pth")})
    if files:
        return f"'{folder}' has no file '{tag}_net_{name}.pth'; for {tag} it has {', '.join(files)}."
    tags = checkpoint_tags(folder)
    return f"'{folder}' has no checkpoint '{tag}'" + (f"; it has {', '.join(tags)}." if tags else " and no other.")


def _shape(value: object) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None
