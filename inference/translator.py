"""A trained model as a function from image to image."""

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from pixlate.data.field_values import EIGHT_BIT, field_of
from pixlate.data.reading import DEFAULT, Reading
from pixlate.data.value_range import ValueRange
from pixlate.models.base import BaseModel
from pixlate.plugins.field import Field
from pixlate.util.notebook import card
from pixlate.util.sizes import SideRule

from .conversion import opened, to_output, to_tensor

StrPath = str | os.PathLike[str]


class Translator:
    """Translates images with a trained model.

    It has no state except the model, so that several threads may call it at once.

    - model: a model created with train=False, with its weights loaded.
    - reading: how images are read; value_range: the values of more than 8 bits that are black and white, those of the
      training data; None for those of each image's type.
    - source: what it was loaded from; direction: "AtoB" or "BtoA". Both are for its repr.
    - load: loads the weights of a model whose networks depend on data, once its first image is known.
    """

    def __init__(
        self,
        model: BaseModel[Any],
        *,
        reading: Reading = DEFAULT,
        value_range: ValueRange | None = None,
        source: str = "",
        direction: str = "AtoB",
        load: Callable[[BaseModel[Any]], None] | None = None,
    ) -> None:
        self.model = model
        self._load, self._lock = load, threading.Lock()
        self._reading, self._value_range = reading, value_range
        self._source, self._direction = source, direction

    def __repr__(self) -> str:
        shared = self.model.shared
        return (
            f"Translator({self._source!r}, {type(self.model).__name__}, netG={shared.netG!r}, "
            f"direction={self._direction!r}, device='{self.model.device}')"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        shared = self.model.shared
        weights = sum(parameter.numel() for net in self.model.networks.values() for parameter in net.parameters())
        facts = {
            "source": self._source or "a model",
            "model": f"{type(self.model).__name__}, {shared.netG}, {weights:,} parameters",
            "channels": f"{shared.input_nc} to {shared.output_nc}",
            "direction": self._direction,
            "device": self.model.device,
            "use": "translate(image), of a PIL image, an array, a file, or a list of these",
        }
        return card("Translator", facts)

    @overload
    def __call__(self, image: Image.Image | StrPath, *, name: str = "", **others: Any) -> Image.Image: ...
    @overload
    def __call__(self, image: NDArray[Any], *, name: str = "", **others: Any) -> NDArray[np.uint8]: ...
    @overload
    def __call__(self, image: list[Image.Image | StrPath], *, name: str = "", **others: Any) -> list[Image.Image]: ...
    @overload
    def __call__(self, image: list[NDArray[Any]], *, name: str = "", **others: Any) -> list[NDArray[np.uint8]]: ...

    def __call__(self, image: Any, *, name: str = "", **others: Any) -> Any:
        """Translate an image; the result is RGB, or grey if the output has one channel, of the type of the data.

        Its size is that of the image, times the model's `output_scale`.

        - image: a PIL image of any mode, or the path of a file: the result is a PIL image. An array, H×W or H×W×C with
          1, 3 or 4 channels, of 8-bit values, 16-bit grey, or floating-point numbers, or of the channels and the type
          of the training data: the result is an array. A list of any of these: the result is a list. Results of 8-bit
          data have 8 bits, those of other data its type; with several channels of more than 8 bits they are arrays.
        - name: seeds the dropout of models that use it at test time: with the name of its file, without folders, an
          image is translated as by test.py. For a path it is known.
        - others: what the model takes beside "A", by the names of the data's fields: images in the same forms as
          `image`, numbers, and tensors of one sample, without the dimension of the batch.

        If the networks do not accept the size, the image is padded by reflection and the result is cropped. Raises
        BadImageError for a file that cannot be read, DataError for anything that is no image.
        """
        if isinstance(image, list | tuple):
            return [self(one, name=name, **others) for one in image]
        if isinstance(image, str | os.PathLike):
            name = name or Path(image).name
        fields = self.model.context.fields or {}
        further = {other: self._field(value, fields.get(other, EIGHT_BIT)) for other, value in others.items()}
        field = fields.get("A", EIGHT_BIT)
        x = to_tensor(opened(image, self._reading, field), field, self.model.shared.input_nc, self._value_range)
        y = self.tensor(x, names=[name], **further)[0]
        return to_output(y, field_of("fake_B", fields), as_array=isinstance(image, np.ndarray))

    def tensor(self, x: Tensor, *, names: list[str] | None = None, **others: Any) -> Tensor:
        """Translate N×C×H×W in [-1, 1]; returns the height and width times the model's `output_scale`.

        - names: a name for each image.
        - others: further fields of the batch; N×C×H×W tensors as large as x are padded as it is.
        """
        height, width = x.shape[-2:]
        batch = {**others, "A": x, "A_paths": names or [""] * len(x)}
        self._prepare(batch)
        rule, scale = SideRule.of(self.model.networks.values()), self.model.output_scale
        sides = rule.at_least(height), rule.at_least(width)
        for name, value in batch.items():
            if isinstance(value, Tensor) and value.dim() == 4 and value.shape[-2:] == (height, width):
                batch[name] = _reflect_to(value, *sides)
        return self.model.fake(batch)[..., : round(height * scale), : round(width * scale)]

    def _prepare(self, batch: Mapping[str, Any]) -> None:
        """Build the networks that depend on data, at the first image, and load their weights."""
        if self._load is None:
            return
        with self._lock:  # another thread waits until they are loaded
            if self._load is not None:
                self.model.prepare_once(self.model.directed(batch))
                self._load(self.model)
                self._load = None

    def _field(self, value: Any, field: Field) -> Any:
        """A further field as a batch of one sample."""
        if isinstance(value, bool | int | float):
            return torch.tensor([value])
        if isinstance(value, Tensor):
            return value[None]
        channels = field.tensor_channels or self.model.shared.input_nc
        return to_tensor(opened(value, self._reading, field), field, channels, self._value_range)


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
