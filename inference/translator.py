"""A trained generator as a function: PIL image in, PIL image out."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from pixlate.data.reading import to_rgb
from pixlate.models.base import BaseModel
from pixlate.util.sizes import SideRule


class Translator:
    """Translates images with a trained model; may be used from several threads at once.

    - model: the model, built for testing, its weights loaded.
    """

    def __init__(self, model: BaseModel[Any]) -> None:
        self.model = model
        self._sides = SideRule.of(module for name, module in model.networks.items() if name.startswith("G"))

    def __call__(self, image: Image.Image, *, name: str = "") -> Image.Image:
        """The translated image, of the same size; any PIL mode in, RGB (or L, for one channel) out.

        A side that the network cannot take is mirrored outwards to one that it can, and the result cut back.
        `name` seeds the dropout of models that keep it on, as test.py does with the file's name.
        """
        grey = self.model.shared.input_nc == 1
        pixels = np.asarray(to_rgb(image).convert("L" if grey else "RGB"), dtype=np.float32)
        x = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1).copy())
        y = self.tensor(x[None] / 255 * 2 - 1, names=[name])[0]
        shown = ((y.float().cpu().clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else shown)

    def tensor(self, x: Tensor, *, names: list[str] | None = None) -> Tensor:
        """The translation of N×C×H×W in [-1, 1], of the same height and width."""
        height, width = x.shape[-2:]
        padded = _mirrored(x, self._sides.at_least(height), self._sides.at_least(width))
        batch = {"A": padded, "A_paths": names or [""] * len(x)}
        return self.model.fake(batch)[..., :height, :width]


def _mirrored(x: Tensor, height: int, width: int) -> Tensor:
    """x mirrored outwards at its right and lower edge, as often as it takes."""
    while x.shape[-2:] != (height, width):
        down = min(height - x.shape[-2], x.shape[-2] - 1)
        right = min(width - x.shape[-1], x.shape[-1] - 1)
        mode = "reflect" if down or right else "replicate"
        step = (0, right, 0, down) if down or right else (0, width - x.shape[-1], 0, height - x.shape[-2])
        x = pad(x, step, mode=mode)
    return x
