"""The images of `--preview`, which are translated during a training to show its progress."""

import random
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from pixlate.options.shared import DataOptions
from pixlate.plugins.field import Field
from pixlate.util.colour import in_space

from .base import Item
from .datasets import SingleDataset
from .image_dataset import ImageDataset, Source
from .transforms import size_of


class PreviewImages(SingleDataset[None]):
    """Image files given by their paths, as the model's input "A".

    - field: of the model's input.

    Raises BadImageError for a file that cannot be read.
    """

    def __init__(self, paths: Sequence[str], shared: DataOptions, field: Field) -> None:
        self.field = field
        ImageDataset.__init__(self, None, shared)  # without the folders of `SingleDataset`
        self.groups = [(Source(Path(path).expanduser(), ("A",)),) for path in paths]
        for group in self.groups:
            self.header(group[0])

    @cached_property
    def channels(self) -> dict[str, int]:
        """Those of the model's input; colours where these are computed from them."""
        return {"A": 3} if self.field.space else super().channels

    def sample(self, index: int, rng: random.Random) -> Item:
        """One image, and its path."""
        (source,) = self.groups[index]
        (pixels,) = self.pixels(source)
        image = self.transform.finish(pixels, self.transform.draw(size_of(pixels), rng))
        if self.field.space:
            image = in_space(image[None], self.field.space)[0]
        return {"A": image, "A_paths": str(source.path)}
