"""The patch loss: a patch of the output must be found again among patches of the input (section 3 of the paper).

Patches are the features of a layer at some places. With v of the output and v⁺ of the input from the same place, v⁻
of the input from the other places, all of length 1, and a temperature T (Eq. 2):

    loss = -log( exp(v·v⁺/T) / (exp(v·v⁺/T) + Σ exp(v·v⁻/T)) )
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LENGTH_FLOOR = 1e-7  # added to a length before dividing by it, as published


class PatchProjection(nn.Module):
    """The network F (the paper's H_l): for each layer, two linear maps with a ReLU between."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        for number, given in enumerate(channels):
            mlp = nn.Sequential(nn.Linear(given, width), nn.ReLU(), nn.Linear(width, width))
            self.add_module(f"mlp_{number}", mlp)

    def forward(self, *patches: Tensor) -> list[Tensor]:
        """For each layer N×P×C to N×P×width."""
        return [mlp(x) for mlp, x in zip(self.children(), patches, strict=True)]


class NoProjection(nn.Module):
    """In place of F: features are compared as G makes them."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()

    def forward(self, *patches: Tensor) -> list[Tensor]:
        """The same N×P×C for each layer."""
        return list(patches)


def patches_at(features: Tensor, places: Tensor) -> Tensor:
    """The features at P places, counted along the rows: N×C×H×W to N×P×C."""
    return features.flatten(2).index_select(2, places).transpose(1, 2)


def unit(patches: Tensor) -> Tensor:
    """Patches N×P×C scaled to length 1."""
    patches = patches.to(torch.promote_types(patches.dtype, torch.float32))
    length: Tensor = torch.linalg.vector_norm(patches, dim=-1, keepdim=True)
    return patches / (length + LENGTH_FLOOR)


def patch_loss(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """Eq. 2, the mean over all N·P patches; query and key are N×P×C of length 1, v⁻ come from the same of N."""
    similarity = query @ key.transpose(1, 2) / temperature
    same_place = torch.arange(query.shape[1], device=query.device).repeat(len(query))
    return F.cross_entropy(similarity.flatten(0, 1), same_place)
