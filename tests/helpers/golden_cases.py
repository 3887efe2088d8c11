"""The cases of golden/networks.npz: figures of the reference for the images of golden/pattern.py."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from golden.pattern import pattern
from paths import GOLDEN
from torch import Tensor


@dataclass(frozen=True)
class NetworkCase:
    """One network of the reference: its arguments, its weights, its input images and its outputs.

    `after` holds its weights and statistics after the pass in train mode, which was its first.
    """

    kind: str
    args: dict[str, Any]
    keys: list[str]
    params: int
    after: dict[str, Tensor]
    images: Tensor
    train_out: Tensor
    eval_out: Tensor

    def __str__(self) -> str:
        return "-".join(str(value) for value in self.args.values())

    @property
    def before(self) -> dict[str, Tensor]:
        """The weights before that pass, which changed nothing but the running statistics."""
        fresh = {"running_mean": 0.0, "running_var": 1.0}
        names = {key: key.rpartition(".")[2] for key in self.after}
        started = {
            key: torch.full_like(value, fresh[names[key]]) if names[key] in fresh else value
            for key, value in self.after.items()
        }
        counters = [key for key in self.keys if key.endswith("num_batches_tracked")]
        return {**started, **dict.fromkeys(counters, torch.tensor(0))}


@cache
def golden(name: str) -> dict[str, np.ndarray]:
    """All arrays of a golden file."""
    with np.load(GOLDEN / f"{name}.npz") as stored:
        return dict(stored)


def network_cases() -> Iterator[NetworkCase]:
    """All cases of golden/networks.npz."""
    arrays = golden("networks")
    for number, meta in enumerate(json.loads(str(arrays["meta"]))):
        args, size = meta["args"], meta["size"]
        after = {
            key.removeprefix(f"{number}/after/"): torch.from_numpy(np.asarray(value))
            for key, value in arrays.items()
            if key.startswith(f"{number}/after/")
        }
        images = pattern(meta["pattern_seed"], args["input_nc"], size, size, meta["batch"])
        yield NetworkCase(
            kind=meta["kind"],
            args=args,
            keys=meta["keys"],
            params=meta["params"],
            after=after,
            images=torch.from_numpy(images),
            train_out=torch.from_numpy(arrays[f"{number}/train_out"]),
            eval_out=torch.from_numpy(arrays[f"{number}/eval_out"]),
        )


def thinned(output: Tensor) -> Tensor:
    """The rows and columns of an output that the golden files keep."""
    step = max(1, output.shape[2] // 32)
    return output[:, :, ::step, ::step]
