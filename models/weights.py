"""Files of tensors: read without executing anything, found by tag and name, and loaded into a model's networks."""

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixlate.errors import CheckpointError

from .base import BaseModel
from .networks.architecture import describe_mismatch, infer_generator, without_instance_statistics


def load_networks(
    model: BaseModel[Any],
    folder: Path,
    tag: str,
    *,
    use_ema: bool = False,
) -> None:
    """Load `<tag>_net_<name>.pth` into each of a model's networks; the averaged ones where asked and there.

    Raises CheckpointError for a file that is missing, damaged or of another architecture.
    """
    for name in model.networks:
        path = folder / f"{tag}_net_{name}.pth"
        averaged = folder / f"{tag}_net_{name}_ema.pth"
        if use_ema and averaged.exists():
            path = averaged
        if not path.exists():
            raise CheckpointError(_missing(folder, tag, name))
        load_weights(model.networks[name], path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Load one bare state_dict, the reference's or ours. Raises CheckpointError where it does not fit."""
    weights = without_instance_statistics(load_data(path))
    own = network.state_dict()
    if {key: value.shape for key, value in own.items()} != {key: _shape(value) for key, value in weights.items()}:
        raise CheckpointError(f"'{path}' does not fit: {_difference(own, weights)}")
    network.load_state_dict(weights)


def load_data(path: Path, *, device: str = "cpu") -> dict[str, Any]:
    """Read a file of tensors and plain values; nothing in it is executed. Raises CheckpointError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old formats and odd pickles: the file loads, or is refused below
            loaded = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file '{path}'.") from None
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # whatever a damaged file makes PyTorch raise
        if isinstance(error, pickle.UnpicklingError) and "Weights only load failed" in str(error):
            raise CheckpointError(
                f"'{path}' holds more than tensors and plain values, or is damaged; it was not loaded."
            ) from error
        raise CheckpointError(f"'{path}' is damaged or is no checkpoint.") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"'{path}' holds a {type(loaded).__name__}, not a checkpoint.")
    return dict(loaded)


def tags_of(folder: Path) -> Sequence[str]:
    """The checkpoints that a folder holds: latest, 5, 10, iter_5000, …"""
    found = {path.name.split("_net_")[0] for path in folder.glob("*_net_*.pth")}
    return sorted(found, key=lambda tag: (not tag.isdigit(), int(tag) if tag.isdigit() else 0, tag))


def _difference(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> str:
    """The options that tell two generators apart, or the first tensor that does."""
    try:
        problem = describe_mismatch(infer_generator(own), weights)
    except CheckpointError:
        problem = None
    if problem is not None:
        return problem
    key = next(key for key in {**own, **weights} if _shape(own.get(key)) != _shape(weights.get(key)))
    return f"'{key}' is {_shape(weights.get(key))} there and {_shape(own.get(key))} here."


def _shape(value: object) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _missing(folder: Path, tag: str, name: str) -> str:
    if not folder.is_dir():
        return f"there is no run folder '{folder}'."
    here = sorted({p.name for p in folder.glob(f"{tag}_net_*.pth")})
    if here:
        return f"'{folder}' has no file '{tag}_net_{name}.pth'; for {tag} it has {', '.join(here)}."
    tags = list(tags_of(folder))
    return f"'{folder}' has no checkpoint '{tag}'" + (f"; it has {', '.join(tags)}." if tags else " and no other.")
