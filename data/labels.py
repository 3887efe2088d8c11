"""Labels: the class of each pixel, from the numbers, the palette or the colours of a file."""

import os

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlate.plugins.field import Colour, Field
from pixlate.util.text import counted

from .bad_image import BadImageError
from .readers import Values
from .reading import to_rgb

StrPath = str | os.PathLike[str]
Classes = NDArray[np.int32]  # H×W; NONE for a pixel without a class
NONE = -1
_UNLABELLED = (255, 65535)  # numbers beyond the classes that mean none, by custom


def classes_in(content: Image.Image | Values, field: Field, path: StrPath) -> Classes:
    """The classes in the content of a file.

    Grey and palette images, and arrays of one channel, hold numbers; 255 (in 16 bits 65535) is a pixel without a class,
    unless there are so many classes. In a colour image, each pixel has the class of the nearest colour of the palette.
    Raises BadImageError for other numbers, and for colours without a palette.
    """
    if isinstance(content, Image.Image) and content.mode not in ("P", "L", "1"):
        if not field.palette:
            raise BadImageError.of(
                path,
                "it has colours, and their classes are not known: give --field a palette, as in "
                f"A=labels:{field.classes}:palette.json",
            )
        return nearest_colours(np.asarray(to_rgb(content)), field.palette)
    numbers = np.asarray(content)
    if numbers.ndim == 3 and numbers.shape[2] == 1:
        numbers = numbers[..., 0]
    if numbers.ndim != 2 or numbers.dtype.kind not in "bui":
        raise BadImageError.of(path, f"labels are whole numbers of one channel, not {numbers.dtype} of {numbers.shape}")
    classes = numbers.astype(np.int32)
    none = _UNLABELLED[numbers.dtype.itemsize > 1]
    if none >= field.classes:
        classes[classes == none] = NONE
    if classes.size and (classes.max() >= field.classes or classes.min() < NONE):
        number = int(classes.max() if classes.max() >= field.classes else classes.min())
        known = counted(field.classes, "class", "classes")
        raise BadImageError.of(path, f"it has the class {number}, and there are {known}, from 0 to {field.classes - 1}")
    return classes


def nearest_colours(colours: NDArray[np.uint8], palette: tuple[Colour, ...]) -> Classes:
    """The number of the nearest colour of a palette, for each pixel of H×W×3: JPEG changes colours a little."""
    packed = (colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1])).ravel()
    different, places = np.unique(packed, return_inverse=True)  # a few thousand, in place of all pixels
    channels = np.stack([different >> 16, different >> 8 & 255, different & 255], 1)
    distances = np.square(channels[:, None] - np.array(palette)[None]).sum(2)
    nearest: Classes = distances.argmin(1).astype(np.int32)[places].reshape(colours.shape[:2])
    return nearest


def one_hot(classes: Classes, count: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The classes as 8-bit levels count×H×W, 255 for the class of a pixel, resized to width and height by nearest."""
    image = Image.fromarray(classes)
    if size != image.size:
        classes = np.asarray(image.resize(size, Image.Resampling.NEAREST))
    levels: NDArray[np.uint8] = (classes[None] == np.arange(count)[:, None, None]).astype(np.uint8) * np.uint8(255)
    return levels
