"""The data set of several domains: one folder of images for each."""

import random
from collections.abc import Iterable

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions
from pixlate.plugins.field import Field
from pixlate.util.text import quoted

from .base import Item
from .folders import first, folders_in, survey, why_no_images
from .image_dataset import ImageDataset, Source
from .inventory import Inventory, LeftOutList, Place


class DomainsDataset(ImageDataset[None]):
    """Images from the folders <dataroot>/<phase>/<domain>, with their domain and another one to translate to.

    An epoch visits every image of every domain. Fields: "A", the image; "class", the number of its domain; "target",
    that of a domain that is drawn at random, its own included. Domains are numbered in the order of their names.
    """

    def __init__(self, config: None, shared: DataOptions) -> None:
        super().__init__(config, shared)
        root = self.root / shared.phase
        names = folders_in(root) if root.is_dir() else []
        found = {name: survey(root / name) for name in names}
        found = {name: place for name, place in found.items() if place.images}
        if len(found) < 2:
            raise DataError(
                f"{quoted(root)} must have a folder of images for each domain, two or more: it has "
                f"{', '.join(map(quoted, found)) or 'none' if root.is_dir() else why_no_images(root)}."
            )
        self.domains = tuple(found)
        limit = shared.max_dataset_size
        images = [(path, number) for number, place in enumerate(found.values()) for path in first(place.images, limit)]
        self.groups = [(Source(path, ("A",)),) for path, _ in images]
        self.classes = [number for _, number in images]
        left_out = LeftOutList()
        for place in found.values():
            left_out += place.left_out
        count = sum(len(place.images) for place in found.values())
        self.inventory = Inventory(
            count,
            "image",
            tuple(Place(root / name, len(place.images)) for name, place in found.items()),
            layout=f"{len(found)} domains",
            used=len(images) if len(images) < count else None,
            left_out=left_out.counts(),
        )

    @property
    def fields(self) -> dict[str, Field]:
        """An image, its domain, and a target domain."""
        domain = Field("category", classes=len(self.domains), names=self.domains)
        return {"A": super().fields["A"], "class": domain, "target": domain}

    @property
    def balanced_by(self) -> list[int]:
        """The domain of each image."""
        return self.classes

    @property
    def collections(self) -> list[int]:
        """The domain of each image."""
        return self.classes

    def take_groups(self, indices: Iterable[int]) -> None:
        """Keep these images, with their domains."""
        kept = list(indices)
        super().take_groups(kept)
        self.classes = [self.classes[index] for index in kept]

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        """One image, its domain and a target domain."""
        (source,) = self.groups[index]
        image = self.image(source, rng)
        target = rng.randrange(len(self.domains))
        return {"A": image, "class": self.classes[index], "target": target, "A_paths": str(source.path)}
