"""A trained model as a function from image to image."""

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
    """Translates images with a trained model.

    It has no state except the model, so that several threads may call it at once.

    - model: a model created with train=False, with its weights loaded.
    """

    def __init__(self, model: BaseModel[Any]) -> None:
        self.model = model
        generators = [module for name, module in model.networks.items() if name.startswith("G")]
        self._side_rule = SideRule.of(generators)

    def __call__(self, image: Image.Image, *, name: str = "") -> Image.Image:
        """Translate an image of any PIL mode; returns RGB, or L if the output has one channel, of the same size.

        If the networks do not accept the size, the image is padded by reflection and the result is cropped. `name`
        seeds the dropout of models that use it at test time: with the name of its file, without folders, an image is
        translated as by test.py.
        """
        mode = "L" if self.model.shared.input_nc == 1 else "RGB"
        pixels = np.asarray(to_rgb(image).convert(mode), dtype=np.float32)
        # reshape gives grey pixels their third dimension: H×W×C to C×H×W
        x = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1).copy())
        y = self.tensor(x[None] / 255 * 2 - 1, names=[name])[0]
        translated = ((y.float().cpu().clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return Image.fromarray(translated[..., 0] if translated.shape[2] == 1 else translated)

    def tensor(self, x: Tensor, *, names: list[str] | None = None) -> Tensor:
        """Translate N×C×H×W in [-1, 1]; returns the same height and width. `names` has a name for each image."""
        height, width = x.shape[-2:]
        padded = _reflect_to(x, self._side_rule.at_least(height), self._side_rule.at_least(width))
        batch = {"A": padded, "A_paths": names or [""] * len(x)}
        return self.model.fake(batch)[..., :height, :width]


def _reflect_to(x: Tensor, height: int, width: int) -> Tensor:
    """Pad x to a size at its lower and right edge by reflection, repeatedly for a small image."""
    while x.shape[-2:] != (height, width):
        # One reflection adds at most one pixel less than a side has. A side of one pixel is replicated instead.
        down = min(height - x.shape[-2], x.shape[-2] - 1)
        right = min(width - x.shape[-1], x.shape[-1] - 1)
        if down or right:
            x = pad(x, (0, right, 0, down), mode="reflect")
        else:
            x = pad(x, (0, width - x.shape[-1], 0, height - x.shape[-2]), mode="replicate")
    return x
