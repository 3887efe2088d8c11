"""PatchNCE, the patchwise contrastive loss, and the networks F that project features for it (section 3 of the paper).

Patches are the features of a layer at some locations. With v of the output, v⁺ of the input at the same location, v⁻ of
the input at the other locations, all normalised to length 1, and a temperature T (Eq. 2):

    loss = -log( exp(v·v⁺/T) / (exp(v·v⁺/T) + Σ exp(v·v⁻/T)) )
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-7  # added to a length before dividing by it, as published


class PatchProjection(nn.Module):
    """The network F (the paper's H_l): an MLP of two linear layers for each layer of G."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        for number, input_nc in enumerate(channels):
            mlp = nn.Sequential(nn.Linear(input_nc, width), nn.ReLU(), nn.Linear(width, width))
            self.add_module(f"mlp_{number}", mlp)

    def forward(self, *patches: Tensor) -> list[Tensor]:
        """N×P×C to N×P×width, for each layer."""
        return [mlp(x) for mlp, x in zip(self.children(), patches, strict=True)]


class NoProjection(nn.Module):
    """In place of F: the features of G are compared as they are."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()

    def forward(self, *patches: Tensor) -> list[Tensor]:
        """N×P×C unchanged, for each layer."""
        return list(patches)


def patches_at(features: Tensor, locations: Tensor) -> Tensor:
    """The features at P locations, row-major indices: N×C×H×W to N×P×C."""
    return features.flatten(2).index_select(2, locations).transpose(1, 2)


def unit(patches: Tensor) -> Tensor:
    """N×P×C patches normalised to length 1, in fp32 or better."""
    patches = patches.to(torch.promote_types(patches.dtype, torch.float32))
    length: Tensor = torch.linalg.vector_norm(patches, dim=-1, keepdim=True)
    return patches / (length + EPSILON)


def patch_loss(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """Eq. 2, the mean over N·P patches; query and key are normalised N×P×C, and negatives come from the same image."""
    similarity = query @ key.transpose(1, 2) / temperature
    positives = torch.arange(query.shape[1], device=query.device).repeat(len(query))
    return F.cross_entropy(similarity.flatten(0, 1), positives)
