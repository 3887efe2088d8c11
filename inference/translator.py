"""A trained model as a function from image to image."""

import os
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from pixlate.data.arrays import image_of_array
from pixlate.data.reading import DEFAULT, Reading, read_original, to_rgb, with_metadata
from pixlate.data.value_range import ValueRange
from pixlate.errors import DataError
from pixlate.models.base import BaseModel
from pixlate.util.sizes import SideRule

StrPath = str | os.PathLike[str]


class Translator:
    """Translates images with a trained model.

    It has no state except the model, so that several threads may call it at once.

    - model: a model created with train=False, with its weights loaded.
    - reading: how images are read; value_range: the values of more than 8 bits that are black and white, those of the
      training data; None for those of each image's type.
    - source: what it was loaded from; direction: "AtoB" or "BtoA". Both are for its repr.
    """

    def __init__(
        self,
        model: BaseModel[Any],
        *,
        reading: Reading = DEFAULT,
        value_range: ValueRange | None = None,
        source: str = "",
        direction: str = "AtoB",
    ) -> None:
        self.model = model
        self._reading, self._value_range = reading, value_range
        self._source, self._direction = source, direction
        generators = [module for name, module in model.networks.items() if name.startswith("G")]
        self._side_rule = SideRule.of(generators)

    def __repr__(self) -> str:
        shared = self.model.shared
        return (
            f"Translator({self._source!r}, {type(self.model).__name__}, netG={shared.netG!r}, "
            f"direction={self._direction!r}, device='{self.model.device}')"
        )

    @overload
    def __call__(self, image: Image.Image | StrPath, *, name: str = "") -> Image.Image: ...
    @overload
    def __call__(self, image: NDArray[Any], *, name: str = "") -> NDArray[np.uint8]: ...
    @overload
    def __call__(self, image: list[Image.Image | StrPath], *, name: str = "") -> list[Image.Image]: ...
    @overload
    def __call__(self, image: list[NDArray[Any]], *, name: str = "") -> list[NDArray[np.uint8]]: ...

    def __call__(self, image: Any, *, name: str = "") -> Any:
        """Translate an image; the result has its size, and is RGB, or grey if the output has one channel.

        - image: a PIL image of any mode, or the path of a file: the result is a PIL image. An array, H×W or H×W×C with
          1, 3 or 4 channels, of 8-bit values, 16-bit grey, or floating-point numbers: the result is an 8-bit array. A
          list of any of these: the result is a list.
        - name: seeds the dropout of models that use it at test time: with the name of its file, without folders, an
          image is translated as by test.py. For a path it is known.

        If the networks do not accept the size, the image is padded by reflection and the result is cropped. Raises
        BadImageError for a file that cannot be read, DataError for anything that is no image.
        """
        if isinstance(image, list | tuple):
            return [self(one, name=name) for one in image]
        if isinstance(image, np.ndarray):
            return np.asarray(self._translated(image_of_array(image), name))
        if isinstance(image, Image.Image):
            return self._translated(image if self._reading.ignore_metadata else with_metadata(image), name)
        if isinstance(image, str | os.PathLike):
            return self._translated(read_original(image, self._reading), name or Path(image).name)
        raise DataError(
            f"a {type(image).__name__} is no image: give a path, a PIL image, an array H x W x C, or a list of these; "
            "`tensor` translates a tensor."
        )

    def _translated(self, image: Image.Image, name: str) -> Image.Image:
        mode = "L" if self.model.shared.input_nc == 1 else "RGB"
        pixels = np.asarray(to_rgb(image, self._value_range).convert(mode), dtype=np.float32)
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
