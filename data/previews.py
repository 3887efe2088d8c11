"""The images of `--preview`, which are translated during a training to show its progress."""

import random
from collections.abc import Sequence
from pathlib import Path

from pixlate.options.shared import DataOptions

from .base import Item
from .datasets import SingleDataset
from .image_dataset import ImageDataset, Source
from .transforms import size_of


class PreviewImages(SingleDataset):
    """Image files given by their paths, as the model's input "A". Raises BadImageError for one that cannot be read."""

    def __init__(self, paths: Sequence[str], shared: DataOptions) -> None:
        ImageDataset.__init__(self, None, shared)  # without the folders of `SingleDataset`
        self.groups = [(Source(Path(path).expanduser(), ("A",)),) for path in paths]
        for group in self.groups:
            self.header(group[0])

    def sample(self, index: int, rng: random.Random) -> Item:
        """One image, and its path."""
        (source,) = self.groups[index]
        (pixels,) = self.pixels(source)
        return {
            "A": self.transform.finish(pixels, self.transform.draw(size_of(pixels), rng)),
            "A_paths": str(source.path),
        }
