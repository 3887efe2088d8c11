"""The synthetic images and weights of the comparison with the published CUT, and its recorded figures."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FILE = Path(__file__).parent / "figures.npz"
SIZE = 32


@dataclass(frozen=True)
class Case:
    """Some training steps of the published program in float64.

    - model, options: as pixlate names them; batch: images per batch.
    - names, losses: steps × names; mirrored: whether each step flips its inputs, empty where that is not drawn.
    - places: steps × calls × patches, the locations that were compared, in the order in which they were drawn.
    - translated: every third row and column of G of `image(-1, 2)` after the last step.
    """

    name: str
    model: str
    options: dict[str, Any]
    batch: int
    names: list[str]
    losses: NDArray[np.float64]
    mirrored: NDArray[np.bool_]
    places: NDArray[np.int64]
    translated: NDArray[np.float64]

    def __str__(self) -> str:
        return self.name


def cases() -> Iterator[Case]:
    """All recorded cases."""
    with np.load(FILE) as stored:
        for name, meta in json.loads(str(stored["meta"])).items():
            arrays = {key: stored[f"{name}/{key}"] for key in ("losses", "mirrored", "places", "translated")}
            yield Case(name=name, **meta, **arrays)


def image(number: int, n: int) -> Tensor:
    """n×3×32×32 float64 in [-1, 1]: sums of waves, another one for every number."""
    draw = np.random.RandomState(number + 1000)
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    planes = [
        np.tanh(sum(np.sin(f[0] * x + f[1] * y + f[2]) for f in draw.uniform(-9, 9, (4, 3)))) for _ in range(3 * n)
    ]
    return torch.from_numpy(np.stack(planes).reshape(n, 3, SIZE, SIZE))


def batch(step: int, n: int) -> dict[str, Any]:
    """The batch of a step."""
    names = [f"{i}.png" for i in range(n)]
    return {"A": image(2 * step, n), "B": image(2 * step + 1, n), "A_paths": names, "B_paths": names}


@torch.no_grad()
def fill(name: str, net: nn.Module) -> None:
    """Give a network float64 weights that depend on nothing but their names and shapes."""
    net.double()
    for key, weight in net.named_parameters():
        draw = np.random.RandomState(zlib.crc32(f"{name}.{key}".encode()))
        values = torch.from_numpy(np.asarray(draw.standard_normal(tuple(weight.shape))))
        if weight.dim() > 1:
            weight.copy_(values * (2 / weight[0].numel()) ** 0.5)
        else:
            weight.copy_(0.1 * values + (1 if key.endswith("weight") else 0))
