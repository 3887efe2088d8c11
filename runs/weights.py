"""Network files: found by tag and name, loaded into a model, with errors that name what does not fit."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from pixlate.errors import CheckpointError
from pixlate.models.base import BaseModel
from pixlate.models.networks.architecture import describe_mismatch

from .checkpoints import tags_of
from .state import load_data


def load_networks(
    model: BaseModel[Any],
    folder: Path,
    tag: str,
    *,
    names: Iterable[str] | None = None,
    use_ema: bool = False,
) -> None:
    """Load `<tag>_net_<name>.pth` into each of a model's networks; the averaged ones where asked and there.

    Raises CheckpointError for a file that is missing, damaged or of another architecture.
    """
    for name in names or model.networks:
        path = folder / f"{tag}_net_{name}.pth"
        averaged = folder / f"{tag}_net_{name}_ema.pth"
        if use_ema and averaged.exists():
            path = averaged
        if not path.exists():
            raise CheckpointError(_missing(folder, tag, name))
        load_weights(model.networks[name], path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Load one bare state_dict, the reference's or ours; very old instance-norm statistics are left out."""
    weights = load_data(path)
    expected = network.state_dict()
    weights = {k: v for k, v in weights.items() if k in expected or not _is_statistic(k)}
    problem = describe_mismatch(network, weights)
    if problem is not None:
        raise CheckpointError(f"'{path}' does not fit: {problem}")
    network.load_state_dict(weights)


def _is_statistic(key: str) -> bool:
    return key.endswith((".running_mean", ".running_var", ".num_batches_tracked"))


def _missing(folder: Path, tag: str, name: str) -> str:
    if not folder.is_dir():
        return f"there is no run folder '{folder}'."
    here = sorted({p.name for p in folder.glob(f"{tag}_net_*.pth")})
    if here:
        return f"'{folder}' has no file '{tag}_net_{name}.pth'; for {tag} it has {', '.join(here)}."
    tags = list(tags_of(folder))
    return f"'{folder}' has no checkpoint '{tag}'" + (f"; it has {', '.join(tags)}." if tags else " and no other.")
