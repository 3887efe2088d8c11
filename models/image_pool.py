"""A history of generated images, from which a discriminator's fakes are drawn.

A discriminator trained on the newest fakes alone forgets earlier ones, and the generator may produce their artifacts
again (Shrivastava et al., "Learning from simulated and unsupervised images through adversarial training", 2017,
section 2.3).
"""

import random
from typing import Any

import torch
from torch import Tensor


class ImagePool:
    """Stores up to `size` generated images on their device; with size 0 it returns its input.

    - rng: the model's generator, which is saved with the model's state. CycleGAN's two pools share it and draw in the
      order of the reference.
    """

    def __init__(self, size: int, rng: random.Random) -> None:
        self.size = size
        self._rng = rng
        self._images: list[Tensor] = []

    def query(self, fakes: Tensor) -> Tensor:
        """Exchange N×C×H×W fakes, one by one, for as many images; returns them detached.

        Until the pool is full, a fake is stored and returned. After that, with probability 0.5, it is returned
        unchanged; otherwise it replaces a random image of the pool, which is returned instead.
        """
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
        index = self._rng.randint(0, self.size - 1)
        earlier, self._images[index] = self._images[index], fake.clone()
        return earlier

    def state_dict(self) -> dict[str, Any]:
        """The images, each 1×C×H×W."""
        return {"images": list(self._images)}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Restore what `state_dict` returned. Raises ValueError for anything but images of one number of channels."""
        images = state["images"]
        for image in images:
            if not isinstance(image, Tensor) or image.dim() != 4 or not image.is_floating_point() or not image.numel():
                raise ValueError("a pool of generated images holds something else")
        if any(image.shape[:2] != (1, images[0].shape[1]) for image in images):
            raise ValueError("a pool of generated images holds images of different kinds")
        self._images = [image.to(device) for image in images]
