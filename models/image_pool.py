"""A pool of earlier fakes, shown to the discriminator instead of the newest (Shrivastava et al. 2017)."""

import random
from typing import Any

import torch
from torch import Tensor


class ImagePool:
    """Keeps up to `size` fakes on their device; size 0 passes every fake through."""

    def __init__(self, size: int, rng: random.Random) -> None:
        self.size = size
        self._rng = rng
        self._images: list[Tensor] = []

    def query(self, fakes: Tensor) -> Tensor:
        """For each fake of N×C×H×W: itself while the pool fills; then, half the time, one from the pool,
        which it replaces. Returns as many images, detached."""
        fakes = fakes.detach()
        if self.size == 0:
            return fakes
        return torch.cat([self._exchange(fake) for fake in torch.split(fakes, 1)])

    def _exchange(self, fake: Tensor) -> Tensor:
        if len(self._images) < self.size:
            self._images.append(fake.clone())
            return fake
        if self._rng.uniform(0, 1) <= 0.5:
            return fake
        place = self._rng.randint(0, self.size - 1)
        earlier, self._images[place] = self._images[place], fake.clone()
        return earlier

    def state_dict(self) -> dict[str, Any]:
        """The images, each 1×C×H×W."""
        return {"images": list(self._images)}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Take back what `state_dict` gave."""
        self._images = [image.to(device) for image in state["images"]]
