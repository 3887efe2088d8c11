"""Preprocessing: from an image to a tensor that is resized, cropped, flipped and normalised to [-1, 1].

The modes of `--preprocess` give the same tensors, bit for bit, as pytorch-CycleGAN-and-pix2pix:

    resize_and_crop        resize to load_size x load_size, ignoring the aspect ratio; crop crop_size x crop_size
    crop                   crop only
    scale_width            resize to the width load_size, keeping the aspect ratio; the height is at least crop_size
    scale_width_and_crop   scale_width, then crop
    resize                 resize to load_size x load_size
    none                   resize both sides to the nearest multiple of 4

Resizing is bicubic. There are two steps: `resize` depends on the image alone, so its result can be cached; `finish`
crops, flips and normalises, and is cheap.
"""

import random
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pixlate.errors import OptionError, did_you_mean
from pixlate.options.preprocess_modes import MODES, preprocess_mode

from .reading import to_rgb

MULTIPLE = 4  # of the sides in mode "none": what the ResNet generators need

Size = tuple[int, int]  # width, height
Number = int | Fraction
Pixels = NDArray[Any]  # C×H×W: 8-bit levels of 3 colours or 1 grey; or float32 in [-1, 1], with any channels


class Geometry(Protocol):
    """The options that a Transform depends on."""

    @property
    def preprocess(self) -> Any: ...
    @property
    def load_size(self) -> int: ...
    @property
    def crop_size(self) -> int: ...
    @property
    def flip(self) -> bool: ...


@dataclass(frozen=True)
class Window:
    """The random part of a transform: the crop's left upper corner, and whether the image is flipped horizontally."""

    x: int = 0
    y: int = 0
    flip: bool = False


@dataclass(frozen=True)
class Transform:
    """A mode of `--preprocess`, or a text that means one, with its sizes in pixels; `flip` enables random flips.

    - scale: of a field, whose images have this many pixels per pixel of A: `load_size`, `crop_size` and windows are
      those of A.
    """

    preprocess: str = "resize_and_crop"
    load_size: int = 286
    crop_size: int = 256
    flip: bool = True
    scale: Fraction | int = 1

    def __post_init__(self) -> None:
        mode = preprocess_mode(self.preprocess)
        if mode is None:
            raise OptionError(f"no preprocessing is named {self.preprocess!r}.{did_you_mean(self.preprocess, MODES)}")
        object.__setattr__(self, "preprocess", mode)
        for name in ("load_size", "crop_size"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be 1 or more, not {getattr(self, name)!r}.")

    @classmethod
    def of(cls, options: Geometry) -> "Transform":
        """The transform of the data options."""
        return cls(options.preprocess, options.load_size, options.crop_size, options.flip)

    @property
    def crops(self) -> bool:
        """Whether the mode includes a crop."""
        return "crop" in self.preprocess

    @property
    def crop_side(self) -> int:
        """The side of the crop, in pixels of the field."""
        return int(self.crop_size * self.scale)

    def resized(self, size: Size) -> Size:
        """The size that `resize` gives to an image of this size."""
        width, height = size if self.scale == 1 else (Fraction(side) / self.scale for side in size)
        width, height = self._resized(width, height)
        return int(width * self.scale), int(height * self.scale)

    def _resized(self, width: Number, height: Number) -> tuple[Number, Number]:
        if self.preprocess.startswith("resize"):
            return self.load_size, self.load_size
        if self.preprocess.startswith("scale_width"):
            if width == self.load_size and height >= self.crop_size:  # not resized at all, as in the reference
                return width, height
            return self.load_size, int(max(self.load_size * height / width, self.crop_size))
        if self.preprocess == "none":
            return round(width / MULTIPLE) * MULTIPLE, round(height / MULTIPLE) * MULTIPLE
        return width, height

    def fits(self, size: Size) -> bool:
        """Whether an image of this size is at least as large as the crop after resizing; True without a crop."""
        return not self.crops or min(self.resized(size)) >= self.crop_side

    def final(self, size: Size) -> Size:
        """The size of the tensor for an image of this size."""
        width, height = self.resized(size)
        if self.crops and (width > self.crop_side or height > self.crop_side):
            return self.crop_side, self.crop_side
        return width, height

    def resize(self, image: Image.Image, *, grayscale: bool = False, nearest: bool = False) -> Pixels:
        """The resized 8-bit C×H×W pixels of an RGB image, with C = 1 if `grayscale`. Nothing in it is random.

        - nearest: without interpolation, for masks.
        """
        if grayscale:
            image = image.convert("L")
        size = self.resized(image.size)
        if size != image.size:
            image = image.resize(size, Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC)
        pixels = np.asarray(image)
        return pixels[None] if grayscale else pixels.transpose(2, 0, 1)

    def resize_values(self, values: NDArray[np.float32], *, nearest: bool = False) -> NDArray[np.float32]:
        """Resized C×H×W values in [-1, 1], bicubic as 8-bit ones. Nothing in it is random."""
        size = self.resized((values.shape[2], values.shape[1]))
        if size == (values.shape[2], values.shape[1]):
            return values
        method = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
        planes = [Image.fromarray(np.ascontiguousarray(plane)).resize(size, method) for plane in values]
        return np.stack([np.asarray(plane) for plane in planes]).clip(-1, 1)

    def draw(self, size: Size, rng: random.Random, *, step: int = 1) -> Window:
        """Draw the window for a resized image of A of this size: x, y and flip, in this order, as in the reference.

        All three are drawn even if they are not used, so that one option does not change the draws of another.

        - step: x and y are multiples of it, so that they are whole pixels of smaller fields too.
        """
        x = rng.randint(0, max(0, size[0] - self.crop_size))
        y = rng.randint(0, max(0, size[1] - self.crop_size))
        flip = rng.random() > 0.5
        return Window(x - x % step, y - y % step, flip and self.flip)

    def finish(self, pixels: Pixels, window: Window) -> Tensor:
        """C×H×W float32 in [-1, 1] from resized pixels: cropped, flipped, and 8-bit ones normalised."""
        if self.crops:
            pixels = _crop(pixels, int(window.x * self.scale), int(window.y * self.scale), self.crop_side)
        if window.flip:
            pixels = pixels[..., ::-1]
        values = np.empty(pixels.shape, np.float32)
        values[...] = pixels
        if pixels.dtype == np.uint8:
            # Bit for bit (x / 255 - 0.5) / 0.5, the reference's formula, because scaling by 2 is exact.
            values /= 127.5
            values -= 1
        return torch.from_numpy(values)


def size_of(pixels: Pixels) -> Size:
    """Width and height of pixels."""
    return pixels.shape[2], pixels.shape[1]


def preprocess(
    image: Image.Image,
    *,
    preprocess: str,
    load_size: int,
    crop_size: int,
    crop_pos: tuple[int, int] = (0, 0),
    flip: bool = False,
    grayscale: bool = False,
) -> Tensor:
    """Preprocess one image to a C×H×W float32 tensor in [-1, 1]; C is 1 if `grayscale`, else 3.

    - crop_pos: x and y of the crop's left upper corner, in pixels of the resized image.

    The result is bit for bit that of the reference: if only one side is larger than the crop, the other is padded with
    black; if neither is, the image is not cropped. Raises OptionError for an unknown `preprocess`, or sizes below 1.
    """
    transform = Transform(preprocess, load_size, crop_size)
    pixels = transform.resize(to_rgb(image), grayscale=grayscale)
    return transform.finish(pixels, Window(*crop_pos, flip=flip))


def _crop(pixels: Pixels, x: int, y: int, side: int) -> Pixels:
    width, height = size_of(pixels)
    if width <= side and height <= side:
        return pixels
    if 0 <= x <= width - side and 0 <= y <= height - side:
        return pixels[:, y : y + side, x : x + side]
    # Black beyond the border.
    cropped = np.full((len(pixels), side, side), 0 if pixels.dtype == np.uint8 else -1, pixels.dtype)
    left, top = max(0, -x), max(0, -y)
    inside = pixels[:, max(0, y) : max(0, y + side), max(0, x) : max(0, x + side)]
    cropped[:, top : top + inside.shape[1], left : left + inside.shape[2]] = inside
    return cropped
