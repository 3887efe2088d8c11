"""Batches of random values, of the fields that a data set declares."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pixlate.plugins.field import Field


def random_batch(fields: Mapping[str, Field], n: int, size: int, seed: int) -> dict[str, Any]:
    """A batch of n samples, a function of the seed.

    - size: height and width of "A", in pixels.
    """
    generator = torch.Generator().manual_seed(seed)
    batch: dict[str, Any] = {name: _values(field, n, size, generator) for name, field in fields.items()}
    for side in ("A", "B"):
        if side in fields:
            batch[f"{side}_paths"] = [f"{seed}_{i}.png" for i in range(n)]
    return batch


def _values(field: Field, n: int, size: int, generator: torch.Generator) -> Tensor:
    side = int(size * field.scale)
    if field.kind == "category":
        return torch.randint(field.classes, (n,), generator=generator)
    if field.kind == "scalar":
        return torch.rand(n, generator=generator)
    if field.kind == "labels":
        labels = torch.randint(field.classes, (n, side, side), generator=generator)
        return 2.0 * one_hot(labels, field.classes).permute(0, 3, 1, 2) - 1
    return torch.rand(n, field.tensor_channels, side, side, generator=generator) * 2 - 1
