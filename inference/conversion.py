"""The forms of an image that a Translator accepts, as tensors, and its result in the form of the input."""

import os
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pixlate.data.arrays import image_of_array
from pixlate.data.channels import with_channels
from pixlate.data.field_values import file_values, palette_of
from pixlate.data.labels import classes_in, one_hot
from pixlate.data.readers import Values
from pixlate.data.reading import Reading, read_file, to_rgb, with_metadata
from pixlate.data.value_range import ValueRange, is_deep, range_of_type
from pixlate.data.writers import class_image
from pixlate.errors import DataError
from pixlate.plugins.field import Field
from pixlate.util.colour import in_space


def opened(image: Any, reading: Reading, field: Field) -> Image.Image | Values:
    """An image in any of the accepted forms: one of 8 bits, or an array H×W×C of other values.

    - field: that it belongs to. Raises DataError for anything else, BadImageError for a file that cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        return read_file(image, reading)
    if isinstance(image, np.ndarray):
        if (
            field.dtype != "uint8"
            and image.ndim == 3
            and image.shape[2] == field.channels
            and image.dtype.kind in "uif"
        ):
            return image
        image = image_of_array(image)
    elif isinstance(image, Image.Image):
        if image.mode == "La":  # grey multiplied by its transparency, which Pillow converts to nothing else
            image = image.convert("LA")
        image = image if reading.ignore_metadata else with_metadata(image)
    else:
        raise DataError(
            f"a {type(image).__name__} is no image: give a path, a PIL image, an array H x W x C, or a list of these; "
            "`tensor` translates a tensor."
        )
    return np.asarray(image)[..., None] if is_deep(image) else image


def to_tensor(image: Image.Image | Values, field: Field, channels: int, value_range: ValueRange | None) -> Tensor:
    """1×C×H×W in [-1, 1].

    - field: that it belongs to; channels: of the model's input.
    - value_range: of values of more than 8 bits; None for that of the image's type.

    Raises BadImageError for labels that are none.
    """
    if field.kind == "labels":
        classes = classes_in(image, field, "the image")
        levels = one_hot(classes, field.classes, (classes.shape[1], classes.shape[0]))
        return torch.from_numpy(levels)[None] / 127.5 - 1
    if field.space:
        return in_space(to_tensor(image, Field(), 3, value_range), field.space)
    if isinstance(image, Image.Image):
        pixels = np.asarray(to_rgb(image).convert("L" if channels == 1 else "RGB"), dtype=np.float32)
        # reshape gives grey pixels their third dimension: H×W×C to C×H×W
        x = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1).copy())
        return x[None] / 255 * 2 - 1
    scaled = (value_range or range_of_type(image)).normalised(image).transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(with_channels(scaled, channels, "the image")))[None]


def to_output(y: Tensor, field: Field, *, as_array: bool) -> Any:
    """A result C×H×W in [-1, 1] as a PIL image or an array, of the type of its field.

    Of several channels of more than 8 bits there is no PIL image: they are an array in any case.
    """
    values = file_values(y.clamp(-1, 1), field)
    if field.kind == "labels" and values.dtype == np.uint8 and not as_array:
        return class_image(values, palette_of(field))
    plane = values[..., 0] if values.shape[2] == 1 else values
    if as_array or (values.shape[2] > 1 and values.dtype != np.uint8) or values.shape[2] not in (1, 3):
        return np.ascontiguousarray(plane)
    if values.dtype in (np.uint8, np.uint16, np.float32):
        return Image.fromarray(np.ascontiguousarray(plane))
    return Image.fromarray(np.ascontiguousarray(plane, np.float32 if values.dtype.kind == "f" else np.int32))
