"""The data set."""

import random

from torch.nn.functional import avg_pool2d

from pixlate.data import Item, PhotographsDataset
from pixlate.plugins import Field

from . import ExampleOptions


class ExampleDataset(PhotographsDataset[ExampleOptions]):
    """Pairs of a blurred photograph (A) and the photograph (B), from <dataroot>/<phase>."""

    @property
    def fields(self) -> dict[str, Field]:
        """Both are images with the channels of the files."""
        field = super().fields["A"]
        return {"A": field, "B": field}

    def sample(self, index: int, rng: random.Random) -> Item:
        """One pair. All randomness is drawn from `rng`, so that a run can be repeated."""
        photograph = super().sample(index, rng)  # read, resized, cached and cropped
        sharp, path = photograph["A"], photograph["A_paths"]
        radius = self.config.blur
        blurred = avg_pool2d(sharp, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)
        return {"A": blurred, "B": sharp, "A_paths": path, "B_paths": path}
