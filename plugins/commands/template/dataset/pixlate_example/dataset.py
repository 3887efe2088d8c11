"""The data set."""

import random

from torch.nn.functional import avg_pool2d

from pixlate.data import DataOptions, ImageDataset, Item, Source, find_images, size_of
from pixlate.plugins import Field

from . import ExampleOptions


class ExampleDataset(ImageDataset[ExampleOptions]):
    """Pairs of a blurred photograph (A) and the photograph (B), from <dataroot>/<phase>."""

    def __init__(self, config: ExampleOptions, shared: DataOptions) -> None:
        super().__init__(config, shared)
        files = find_images(self.root / shared.phase, shared.max_dataset_size)
        self.groups = [(Source(file, ("B",)),) for file in files]

    @property
    def fields(self) -> dict[str, Field]:
        """A has the channels of B, from which it is computed."""
        field = super().fields["B"]
        return {"A": field, "B": field}

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        """One pair. All randomness is drawn from `rng`, so that a run can be repeated."""
        (source,) = self.groups[index]
        (pixels,) = self.pixels(source)  # read, resized and cached
        sharp = self.transform.finish(pixels, self.transform.draw(size_of(pixels), rng))
        radius = self.config.blur
        blurred = avg_pool2d(sharp, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)
        path = str(source.path)
        return {"A": blurred, "B": sharp, "A_paths": path, "B_paths": path}
