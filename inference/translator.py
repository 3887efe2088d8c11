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
    """Translates images with a trained model.

    It is re-entrant: it has no state but the model, so that several threads may call it at once.

    - model: a model built with train=False, its weights loaded.
    """

    def __init__(self, model: BaseModel[Any]) -> None:
        self.model = model
        generators = [module for name, module in model.networks.items() if name.startswith("G")]
        self._side_rule = SideRule.of(generators)

    def __call__(self, image: Image.Image, *, name: str = "") -> Image.Image:
        """The translated image, of the same size; takes any PIL mode, returns RGB (or L for one channel).

        If the networks cannot take the size, the image is padded by reflection and the result cropped.
        `name` seeds the dropout of models that use it at test time: with a file's name the result is that of test.py.
        """
        grey = self.model.shared.input_nc == 1
        pixels = np.asarray(to_rgb(image).convert("L" if grey else "RGB"), dtype=np.float32)
        x = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1).copy())
        y = self.tensor(x[None] / 255 * 2 - 1, names=[name])[0]
        translated = ((y.float().cpu().clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return Image.fromarray(translated[..., 0] if translated.shape[2] == 1 else translated)

    def tensor(self, x: Tensor, *, names: list[str] | None = None) -> Tensor:
        """The translation of N×C×H×W in [-1, 1], of the same height and width; `names` as for an image."""
        height, width = x.shape[-2:]
        padded = _reflect_to(x, self._side_rule.at_least(height), self._side_rule.at_least(width))
        batch = {"A": padded, "A_paths": names or [""] * len(x)}
        return self.model.fake(batch)[..., :height, :width]


def _reflect_to(x: Tensor, height: int, width: int) -> Tensor:
    """x padded to a size at its lower and right edge, by reflection, as often as a small image needs it."""
    while x.shape[-2:] != (height, width):
        # One reflection can add at most a side less one pixel: nothing to a side of one pixel, which is repeated.
        down = min(height - x.shape[-2], x.shape[-2] - 1)
        right = min(width - x.shape[-1], x.shape[-1] - 1)
        if down or right:
            x = pad(x, (0, right, 0, down), mode="reflect")
        else:
            x = pad(x, (0, width - x.shape[-1], 0, height - x.shape[-2]), mode="replicate")
    return x
