"""The base class of data sets of image files: reading, resizing, caching, and sizes for checks."""

import contextlib
import math
import random
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from PIL import Image
from torch import Tensor

from pixlate.errors import DataError, OptionError
from pixlate.options.shared import DataOptions
from pixlate.plugins.field import Colour, Field
from pixlate.util.text import counted, quoted

from .base import BaseDataset
from .cache import ImageCache, entry_name, open_cache
from .channels import check_channels
from .current_readers import current_readers
from .declarations import Declared, declared_fields
from .readers import Values
from .reading import BadImageError, Header, Reading, read_file, read_header, to_rgb
from .side_pixels import Box, SideFormat, side_boxes, side_pixels
from .transforms import Pixels, Size, Transform, Window, size_of
from .value_range import ValueRange, measured, range_of_dtype

Config = TypeVar("Config")
Side = str  # "A" or "B", or another field of a data set that has further ones
EXAMPLES = 5  # files of a side whose headers tell how its values are stored


@dataclass(frozen=True)
class Source:
    """One image file, and the sides that are in it: one, or both if it is a pair with A left and B right."""

    path: Path
    sides: tuple[Side, ...]


class ImageDataset(BaseDataset[Config]):
    """A data set of image files.

    A subclass sets `groups`, whose elements are the files of a pair, or single files. `image` returns the tensor of a
    file, in a random window; images that share a window are computed from the resized images of `pixels`:

        (A,), (B,) = (self.pixels(source) for source in self.groups[index])
        window = self.draw(A, rng)
        return {"A": self.transform.finish(A, window), "B": self.transform_of("B").finish(B, window), …}
    """

    groups: Sequence[tuple[Source, ...]]
    cache: ImageCache | None = None  # while a BatchLoader loads batches
    measured = False  # whether `value_ranges` holds the range of each side that has one

    def __init__(self, config: Config, shared: DataOptions) -> None:
        super().__init__(config, shared)
        self.reading = Reading(shared.ignore_metadata, shared.max_image_pixels, current_readers())
        _check_options(shared)
        ranges = {side: declared.value_range for side, declared in self.declared.items()}
        self.value_ranges = {side: value_range for side, value_range in ranges.items() if value_range is not None}

    @cached_property
    def channels(self) -> dict[str, int]:
        """The channels of each side's tensors: those of `--input_nc` and `--output_nc`, else those of the files."""
        sides = "AB" if self.shared.direction == "AtoB" else "BA"  # --input_nc refers to the model's input
        counts = {}
        for side, option in zip(sides, ("input_nc", "output_nc"), strict=True):
            declared = self.declared.get(side)
            given, stored = getattr(self.shared, option), self.stored_as(side).channels
            if declared is not None and declared.kind != "image":
                stored = declared.classes if declared.kind == "labels" else 1
                if given and given != stored:
                    raise OptionError(f"--{option} is {given}, but --field gives {side} {counted(stored, 'channel')}.")
            elif given and side in self._stored_as:
                check_channels(option, given, stored)
            counts[side] = given or stored
        return counts

    @cached_property
    def declared(self) -> dict[str, Declared]:
        """What `--field` says of the sides."""
        return declared_fields(self.shared.field, self.root if self.shared.dataroot else None)

    def stored_as(self, side: str) -> Header:
        """How the files of a side hold their values: the header of a deep one, if there is one among a few of them."""
        return self._stored_as[side] if side in self._stored_as else Header((0, 0))

    @cached_property
    def _stored_as(self) -> dict[str, Header]:
        found: dict[str, Header] = {}
        for side in sorted({side for group in self.groups for source in group for side in source.sides}):
            sources = [source for group in self.groups for source in group if side in source.sides]
            for source in sources[:: max(1, len(sources) // EXAMPLES)][:EXAMPLES]:
                with contextlib.suppress(BadImageError):  # it is reported where it is read
                    header = self.header(source)
                    found[side] = header if header.deep or side not in found else found[side]
        return found

    @property
    def fields(self) -> dict[str, Field]:
        """The sides that its files hold."""
        return self._side_fields()

    def _side_fields(self) -> dict[str, Field]:
        sides = sorted({side for group in self.groups for source in group for side in source.sides})
        return {side: self._field(side) for side in sides}

    @cached_property
    def _fields(self) -> dict[str, Field]:
        """The same, once: reading does not depend on the ranges, which are measured later."""
        return self._side_fields()

    def _field(self, side: str) -> Field:
        stored, declared = self.stored_as(side), self.declared.get(side, Declared("image"))
        scale = declared.scale
        if declared.kind == "labels":
            palette = declared.palette or self._stored_palette(side, declared.classes)
            return Field("labels", scale=scale, classes=declared.classes, names=declared.names, palette=palette)
        if declared.kind == "mask":
            return Field("mask", scale=scale)
        field = Field(channels=self.channels[side], scale=scale, display=declared.display)
        if not stored.deep:
            return field
        value_range = self.value_ranges.get(side) or range_of_dtype(stored.dtype)
        return replace(field, dtype=stored.dtype, value_range=(value_range.low, value_range.high))

    def _stored_palette(self, side: str, classes: int) -> tuple[Colour, ...]:
        """The colours of the first file of a side, where it has a palette."""
        source = next(source for group in self.groups for source in group if side in source.sides)
        with contextlib.suppress(BadImageError):
            content = read_file(source.path, self.reading)
            if isinstance(content, Image.Image) and content.mode == "P":
                levels = content.convert("P").getpalette("RGB") or []
                colours = [(levels[at], levels[at + 1], levels[at + 2]) for at in range(0, len(levels) - 2, 3)]
                return tuple(colours[:classes]) if len(colours) >= classes else ()
        return ()

    def transform_of(self, side: str) -> Transform:
        """The transform of a side, whose images may have another size than those of A, see `--field`."""
        return self._scaled_transforms.get(side, self.transform)

    @cached_property
    def _scaled_transforms(self) -> dict[str, Transform]:
        return {side: replace(self.transform, scale=declared.scale) for side, declared in self.declared.items()}

    def draw(self, A: Pixels, rng: random.Random) -> Window:
        """Draw the window of a sample whose fields are cropped and flipped together."""
        step = math.lcm(*(Fraction(declared.scale).denominator for declared in self.declared.values()))
        return self.transform.draw(size_of(A), rng, step=step)

    @property
    def collections(self) -> Sequence[Hashable]:
        """The collection of each group, such as its side: a part of the data set has images of each."""
        return [group[0].sides for group in self.groups]

    def take_groups(self, indices: Iterable[int]) -> None:
        """Keep these groups alone, in this order. A subclass that has lists beside `groups` shortens them too."""
        self.groups = [self.groups[index] for index in indices]

    def files(self) -> Sequence[Path]:
        """The image files, in order."""
        return [source.path for group in self.groups for source in group]

    def open_cache(self) -> None:
        """Cache images from now on, as `--cache` specifies."""
        if self.cache is None:
            self.cache = open_cache(self.shared)
            if self.cache is not None and not self.measured:  # a cached image belongs to one range
                self.measure_values()

    def close_cache(self) -> None:
        """Stop caching images."""
        if self.cache is not None:
            self.cache.close()
            self.cache = None

    def pixels(self, source: Source) -> tuple[Pixels, ...]:
        """The images in a file, one for each of its sides, as C×H×W pixels, resized but not cropped.

        Images of 8 bits are 8-bit levels, others float32 in [-1, 1], scaled by the range of the data set. Raises
        BadImageError if the file cannot be read.
        """
        if self.cache is None:
            return self.read(source)
        try:
            names = [self._entry_name(source, side) for side in source.sides]
        except OSError:
            return self.read(source)  # raises BadImageError, with the reason
        cached = [
            self.cache.load(name, self.channels[side], deep=self.stored_as(side).deep and not self._has_labels(source))
            for name, side in zip(names, source.sides, strict=True)
        ]
        images = tuple(pixels for pixels in cached if pixels is not None)
        if len(images) < len(names):
            images = self.read(source)
            for name, pixels in zip(names, images, strict=True):
                self.cache.save(name, pixels)
        return images

    def read(self, source: Source) -> tuple[Pixels, ...]:
        """The images of `pixels`, decoded from the file whatever is cached."""
        content = read_file(source.path, self.reading)
        size = content.size if isinstance(content, Image.Image) else (content.shape[1], content.shape[0])
        if isinstance(content, Image.Image) and not self._has_labels(source):
            content = to_rgb(content)  # once for both sides
        boxes: Sequence[Box | None] = side_boxes(source.sides, size, source.path) if len(source.sides) > 1 else [None]
        return tuple(
            side_pixels(content, box, self._format(side, source, content), self.transform_of(side), source.path)
            for side, box in zip(source.sides, boxes, strict=True)
        )

    def _has_labels(self, source: Source) -> bool:
        return any(side in self.declared and self.declared[side].kind == "labels" for side in source.sides)

    def _format(self, side: str, source: Source, content: Image.Image | Values) -> SideFormat:
        field = self._fields[side]
        deep = not isinstance(content, Image.Image) and field.kind != "labels"
        return SideFormat(field, self._range_of(source) if deep else None)

    def _entry_name(self, source: Source, side: Side) -> str:
        """The name of a cache file, from everything that its pixels depend on."""
        transform = self.transform
        reader = f"{type(self).__module__}.{type(self).__qualname__}"  # a subclass may override `read`
        geometry = transform.preprocess, transform.load_size, transform.crop_size
        reading = self.reading.ignore_metadata, self.value_ranges.get(side), self.declared.get(side)
        return entry_name(source.path, reader, source.sides, side, self.channels[side], geometry, reading)

    def header(self, source: Source) -> Header:
        """What a file's header tells. Raises BadImageError."""
        return read_header(source.path, self.reading)

    def sizes(self, source: Source, header: Header) -> list[Size]:
        """Width and height of the images in a file. Raises BadImageError."""
        return [(right - left, height) for left, _, right, height in side_boxes(source.sides, header.size, source.path)]

    def measure_values(self, deep: Iterable[Source] | None = None) -> None:
        """Measure the range of each side's values of more than 8 bits, unless it is known.

        - deep: the files that have such values, where the caller knows them.
        """
        sources = self._deep_sources() if deep is None else list(deep)
        for sides in sorted({source.sides for source in sources}):
            if not set(sides) <= set(self.value_ranges):
                value_range = measured(self._originals(source for source in sources if source.sides == sides))
                self.value_ranges = {**dict.fromkeys(sides, value_range), **self.value_ranges}
        self.measured = True

    def _deep_sources(self) -> list[Source]:
        sources = []
        for source in dict.fromkeys(source for group in self.groups for source in group):
            with contextlib.suppress(BadImageError):
                if self.header(source).deep:
                    sources.append(source)
        return sources

    def _originals(self, sources: Iterable[Source]) -> Iterable[Image.Image | Values]:
        for source in sources:
            with contextlib.suppress(BadImageError):  # it is reported where it is read
                yield read_file(source.path, self.reading)

    def _range_of(self, source: Source) -> ValueRange:
        if source.sides[0] not in self.value_ranges:
            self.measure_values()
        return self.value_ranges[source.sides[0]]

    def image(self, source: Source, rng: random.Random) -> Tensor:
        """The image of a file of one side as C×H×W in [-1, 1], in a window of its own.

        Raises BadImageError if it cannot be read, DataError if it is smaller than the crop.
        """
        (pixels,) = self.pixels(source)
        self.require_fit(pixels, source)
        return self.transform.finish(pixels, self.transform.draw(size_of(pixels), rng))

    def require_fit(self, pixels: Pixels, source: Source) -> None:
        """Raise DataError if a resized image is smaller than the crop."""
        width, height = size_of(pixels)
        if self.transform.crops and min(height, width) < self.transform.crop_size:
            raise DataError(
                f"{quoted(source.path)} is {width} x {height}, smaller than --crop_size {self.transform.crop_size}: "
                f"use --crop_size {min(height, width)}, or --preprocess resize_and_crop."
            )


def _check_options(shared: DataOptions) -> None:
    resized_first = shared.preprocess in ("resize_and_crop", "scale_width_and_crop")
    if resized_first and shared.load_size < shared.crop_size:
        raise OptionError(
            f"--crop_size {shared.crop_size} is larger than --load_size {shared.load_size}, to which images are "
            "resized first: --load_size must be equal or larger."
        )
