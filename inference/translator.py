"""A trained model as a function from image to image."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pixlate.data.field_values import EIGHT_BIT, field_of
from pixlate.data.reading import DEFAULT, Reading
from pixlate.data.value_range import ValueRange
from pixlate.errors import DataError, OptionError
from pixlate.models.base import BaseModel
from pixlate.options.command.stored import StoredRun
from pixlate.plugins.field import Field
from pixlate.util.notebook import card
from pixlate.util.text import quoted

from .conversion import opened, to_output, to_tensor
from .engine import Engine, ModelEngine
from .padding import reflect_to
from .pretrained import save_pretrained
from .tiles import tiled_batch
from .tiling.options import TILE, TileOptions

StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Origin:
    """Where a trained model comes from.

    - source: what it was loaded from.
    - stored: its options, with the direction, the licence of the weights and the origin of the training data.
    """

    source: str = ""
    stored: StoredRun = StoredRun({})

    @property
    def direction(self) -> str:
        """ "AtoB" or "BtoA"."""
        return str(self.stored.options.get("direction", "AtoB"))

    @property
    def license(self) -> str:
        """The licence of the weights; empty where it is unknown."""
        return str(self.stored.options.get("license") or "")

    @property
    def data_origin(self) -> str:
        """Where the training data came from; empty where it is unknown."""
        return str(self.stored.options.get("data_origin") or "")


class Translator:
    """Translates images with a trained model.

    It has no state except the model, so that several threads may call it at once.

    - engine: what computes: a model with its weights, or an exported one.
    - reading: how images are read; value_range: the values of more than 8 bits that are black and white, those of the
      training data; None for those of each image's type.
    - origin: where the model comes from.
    - tiles: how images are divided into tiles; None translates each as a whole. See `tiled`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        reading: Reading = DEFAULT,
        value_range: ValueRange | None = None,
        origin: Origin | None = None,
        tiles: TileOptions | None = None,
    ) -> None:
        self.engine, self.reading, self.value_range = engine, reading, value_range
        self.origin, self.tiles = origin or Origin(), tiles

    @property
    def model(self) -> BaseModel[Any]:
        """The model that computes. Raises OptionError for an exported one, of which there is only the file."""
        if not isinstance(self.engine, ModelEngine):
            raise OptionError(f"{quoted(self.origin.source)} is an exported file, without a model of pixlate.")
        return self.engine.model

    def __repr__(self) -> str:
        engine = self.engine
        further = f", {self.tiles}" if self.tiles else ""
        further += ", running_statistics=True" if getattr(engine, "running_statistics", False) else ""
        further += f", license={self.origin.license!r}" if self.origin.license else ""
        return (
            f"Translator({self.origin.source!r}, {engine.name}, netG={engine.network!r}, "
            f"direction={self.origin.direction!r}, device='{engine.device}'{further})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        engine, (input_nc, output_nc) = self.engine, self.engine.channels
        facts = {
            "source": self.origin.source or "a model",
            "model": f"{engine.name}, {engine.network}, {engine.parameters:,} parameters",
            "channels": f"{input_nc} to {output_nc}",
            "direction": self.origin.direction,
            "device": engine.device,
            "license": self.origin.license,
            "data": self.origin.data_origin,
            "use": "translate(image), of a PIL image, an array, a tensor, a file, or a list of these",
        }
        return card("Translator", {name: value for name, value in facts.items() if value})

    @overload
    def __call__(self, image: Image.Image | StrPath, *, name: str = "", **others: Any) -> Image.Image: ...
    @overload
    def __call__(self, image: Tensor, *, name: str | Sequence[str] = "", **others: Any) -> Tensor: ...
    @overload
    def __call__(self, image: NDArray[Any], *, name: str | Sequence[str] = "", **others: Any) -> NDArray[np.uint8]: ...
    @overload
    def __call__(
        self, image: list[Image.Image | StrPath], *, name: str | Sequence[str] = "", **others: Any
    ) -> list[Image.Image]: ...
    @overload
    def __call__(
        self, image: list[NDArray[Any]], *, name: str | Sequence[str] = "", **others: Any
    ) -> list[NDArray[np.uint8]]: ...

    def __call__(self, image: Any, *, name: str | Sequence[str] = "", **others: Any) -> Any:
        """Translate an image; the result is RGB, or grey if the output has one channel, of the type of the data.

        Its size is that of the image, times the model's `output_scale`.

        - image: a PIL image of any mode, or the path of a file: the result is a PIL image. An array, H×W or H×W×C with
          1, 3 or 4 channels, of 8-bit values, 16-bit grey, or floating-point numbers, or of the channels and the type
          of the training data: the result is an array. A tensor C×H×W, of 8-bit values, or of floating-point numbers in
          [-1, 1] as the batches of data sets have: the result is a tensor of the same type. A list of any of these: the
          result is a list. A batch, N×H×W×C as an array or N×C×H×W as a tensor: the result is a batch. Results of 8-bit
          data have 8 bits, those of other data its type; with several channels of more than 8 bits they are arrays.
        - name: seeds the dropout of models that use it at test time: with the name of its file, without folders, an
          image is translated as by test.py. For a path it is known. For a list or a batch, a name for each image.
        - others: what the model takes beside "A", by the names of the data's fields: images in the same forms as
          `image`, numbers, and tensors of one sample, without the dimension of the batch.

        If the networks do not accept the size, the image is padded by reflection and the result is cropped. Raises
        BadImageError for a file that cannot be read, DataError for anything that is no image.
        """
        if isinstance(image, list | tuple):
            names = _names(name, len(image))
            return [self(one, name=own, **others) for one, own in zip(image, names, strict=True)]
        if isinstance(image, np.ndarray) and image.ndim == 4 and len(image):
            return np.stack(self(list(image), name=name, **others))
        if isinstance(image, Tensor):
            return self._of_tensor(image, name, others)
        if not isinstance(name, str):
            raise DataError("one image has one name, and a list of images as many names.")
        if isinstance(image, str | os.PathLike):
            name = name or Path(image).name
        fields = self.engine.fields
        field = fields.get("A", EIGHT_BIT)
        x = to_tensor(opened(image, self.reading, field), field, self.engine.channels[0], self.value_range)
        y = self.tensor(x, names=[name], **self._further(others))[0]
        return to_output(y, field_of("fake_B", fields), as_array=isinstance(image, np.ndarray))

    def tensor(self, x: Tensor, *, names: list[str] | None = None, **others: Any) -> Tensor:
        """Translate N×C×H×W in [-1, 1]; returns the height and width times the model's `output_scale`.

        - names: a name for each image.
        - others: further fields of the batch; N×C×H×W tensors as large as x are padded as it is.
        """
        if x.dim() != 4 or (names is not None and len(names) != len(x)):
            raise DataError(f"{tuple(x.shape)} is not N x C x H x W, or there are not N names.")
        height, width = x.shape[-2:]
        batch = {**others, "A": x, "A_paths": names or [""] * len(x)}
        if self.tiles:
            return tiled_batch(self.engine, batch, self.tiles)
        self.engine.prepare(batch)
        rule, scale = self.engine.sides(), self.engine.output_scale
        sides = rule.at_least(height), rule.at_least(width)
        for name, value in batch.items():
            if isinstance(value, Tensor) and value.dim() == 4 and value.shape[-2:] == (height, width):
                batch[name] = reflect_to(value, *sides)
        return self.engine.run(batch)[..., : round(height * scale), : round(width * scale)]

    def tiled(
        self,
        image: Any,
        *,
        tile: int = TILE,
        overlap: int | None = None,
        exact: bool = False,
        name: str | Sequence[str] = "",
        **others: Any,
    ) -> Any:
        """Translate an image that is too large to be translated at once, by tiles without seams and without dropout.

        - image, name, others: as of a call, and so is the result.
        - tile, overlap, exact: see `TileOptions`. With `exact` the result is that of the whole image, up to rounding.

        `pixlate.inference.tile_files.translate_file` reads and writes files by tiles too. Raises OptionError where the
        options do not fit the network.
        """
        return self.with_tiles(TileOptions(tile, overlap, exact))(image, name=name, **others)

    def with_tiles(self, options: TileOptions) -> "Translator":
        """A Translator of the same model that divides every image into tiles."""
        reading, value_range, origin = self.reading, self.value_range, self.origin
        return Translator(self.engine, reading=reading, value_range=value_range, origin=origin, tiles=options)

    def save_pretrained(self, folder: StrPath, *, license: str = "", data_origin: str = "") -> None:
        """Write a folder to publish, which `pixlate.load` reads: model.safetensors, and config.json with all else.

        - license, data_origin: the licence of the weights, and where the training data came from; those of the run
          where they are empty.

        Options that name folders or machines are left out. Raises OptionError where safetensors is not installed, or
        for an exported model; DataError where the folder cannot be written.
        """
        engine, stored = self.engine, self.origin.stored
        networks = self.model.networks
        if not engine.digest:
            raise OptionError(f"the networks of {engine.name} are built from the first image: translate one first.")
        given = {"license": license, "data_origin": data_origin}
        options = {**stored.options, **{name: text for name, text in given.items() if text}}
        save_pretrained(Path(folder), networks, replace(stored, options=options), engine.digest)

    def _of_tensor(self, image: Tensor, name: str | Sequence[str], others: dict[str, Any]) -> Tensor:
        """The translation of a tensor C×H×W or N×C×H×W, on its device and of its type."""
        whole = image.dtype is torch.uint8
        channels = self.engine.channels[0]
        if image.dim() not in (3, 4) or 0 in image.shape or not (whole or image.is_floating_point()):
            raise DataError(
                f"a tensor of {image.dtype} and shape {tuple(image.shape)} is no image: C x H x W or N x C x H x W of "
                "8-bit integers, or of floating-point numbers in [-1, 1]."
            )
        x = image if image.dim() == 4 else image[None]
        if x.shape[1] != channels:
            raise DataError(f"the tensor has {x.shape[1]} channels, and the model takes {channels}.")
        x = x.float() / 255 * 2 - 1 if whole else x.float()
        further = {key: _repeated(value, len(x)) for key, value in self._further(others).items()}
        y = self.tensor(x, names=list(_names(name, len(x))), **further).to(image.device)
        y = ((y + 1) / 2 * 255).clamp(0, 255).to(torch.uint8) if whole else y.to(image.dtype)
        return y if image.dim() == 4 else y[0]

    def _further(self, others: dict[str, Any]) -> dict[str, Any]:
        """Further fields as batches of one sample. Raises OptionError for what is no field."""
        misplaced = next((name for name in others if name in _ELSEWHERE), None)
        if misplaced:
            raise OptionError(f"'{misplaced}' is no input of a model: it is {_ELSEWHERE[misplaced]}.")
        return {name: self._field(value, self.engine.fields.get(name, EIGHT_BIT)) for name, value in others.items()}

    def _field(self, value: Any, field: Field) -> Any:
        if isinstance(value, bool | int | float):
            return torch.tensor([value])
        if isinstance(value, Tensor):
            return value[None]
        channels = field.tensor_channels or self.engine.channels[0]
        return to_tensor(opened(value, self.reading, field), field, channels, self.value_range)


#: Names that a call takes for inputs of the model, and where they belong.
_ELSEWHERE = {
    **dict.fromkeys(("running_statistics", "direction", "epoch", "device"), "an argument of pixlate.load"),
    **dict.fromkeys(("tile", "overlap", "exact"), "an argument of Translator.tiled"),
    **dict.fromkeys(("A", "A_paths"), "the image, the first argument"),
}


def _names(name: str | Sequence[str], count: int) -> Sequence[str]:
    """A name for each of several images. Raises DataError where there are more or fewer."""
    names = [name] * count if isinstance(name, str) else list(name)
    if len(names) != count:
        raise DataError(f"there are {len(names)} names for {count} images.")
    return names


def _repeated(value: Any, count: int) -> Any:
    return torch.cat([value] * count) if isinstance(value, Tensor) else value
