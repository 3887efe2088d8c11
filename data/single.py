"""Images of one side only, for a generator that translates in one direction."""

import random

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions
from pixlate.util.text import listed, shown

from .base import Item
from .folders import folders_in, has_own_images, holds_images, images_of
from .image_dataset import ImageDataset, Source
from .transforms import size_of


class SingleDataset(ImageDataset[None]):
    """The images in <dataroot>, sub-folders included, as "A".

    Where only sub-folders hold images and one of them is called after the phase, that one is meant.
    """

    def __init__(self, config: None, shared: DataOptions) -> None:
        super().__init__(config, shared)
        folder = self.root
        if not has_own_images(folder):
            if holds_images(folder / shared.phase):
                folder = folder / shared.phase
            elif (folder / f"{shared.phase}A").is_dir() or (folder / f"{shared.phase}B").is_dir():
                raise DataError(
                    f"{shown(folder)} holds several collections ({listed(folders_in(folder), 8)}): name the one to "
                    f"translate, as in --dataroot {shown(folder / f'{shared.phase}A')}."
                )
        found = images_of(
            folder,
            shared.max_dataset_size,
            lambda problem: DataError(f"{problem}; --dataroot names the folder of the images to translate."),
        )
        self.groups = [(Source(path, ("A",)),) for path in found]

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        """One image, "A", and its file."""
        (source,) = self.groups[index]
        (pixels,) = self.pixels(source)
        self.require_fit(pixels, source)
        return {
            "A": self.transform.finish(pixels, self.transform.draw(size_of(pixels), rng)),
            "A_paths": str(source.path),
        }
