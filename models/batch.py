"""What a model receives and returns: a batch of samples, and the result of a training step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pixlate.util.randomness import seed_of

#: {"A": N×C×H×W in [-1, 1], "B": …, "A_paths": [N strings], "B_paths": …} and whatever else the data set adds.
Batch = Mapping[str, Any]


@dataclass(frozen=True)
class StepResult:
    """The result of one training step.

    - losses: scalar tensors by name, in the order in which they are logged.
    - images: N×C×H×W tensors in [-1, 1] by name, in the order in which they are shown.
    """

    losses: dict[str, Tensor]
    images: dict[str, Tensor]

    def detach(self) -> "StepResult":
        """The same values without the graph that computed them."""
        losses = {name: loss.detach() for name, loss in self.losses.items()}
        return StepResult(losses, {name: image.detach() for name, image in self.images.items()})


def to_device(batch: Batch, device: torch.device) -> dict[str, Any]:
    """The batch with its tensors on a device; from pinned memory they are copied asynchronously."""
    return {
        name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for name, value in batch.items()
    }


def swapped(batch: Batch) -> dict[str, Any]:
    """The batch with A and B swapped."""
    other = {"A": "B", "B": "A", "A_paths": "B_paths", "B_paths": "A_paths"}
    return {other.get(name, name): value for name, value in batch.items()}


def generators(batch: Batch, seed: int) -> list[torch.Generator]:
    """A CPU generator for each sample of a test, which depends on the seed and the name of the sample alone."""
    return [torch.Generator().manual_seed(seed_of(seed, "test", name)) for name in _sample_names(batch)]


def _sample_names(batch: Batch) -> list[str]:
    """A name for each sample that stays the same between runs: its file name without folders, else its index."""
    paths = batch.get("A_paths")
    if paths is None:
        return [str(index) for index in range(len(batch["A"]))]
    # Without folders, so that moving the data changes no translation. Backslashes: paths stored on Windows.
    return [str(path).replace("\\", "/").rsplit("/", 1)[-1] for path in paths]
