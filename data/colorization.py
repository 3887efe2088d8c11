"""The data set of colourization: the lightness of photographs, and their colours."""

import random
from functools import cached_property

from pixlate.errors import OptionError
from pixlate.options.shared import DataOptions
from pixlate.plugins.field import Field
from pixlate.util.colour import CHROMA, LIGHTNESS, lab_of, require_colour

from .base import Item
from .photographs import PhotographsDataset

FIELDS = {
    "A": Field(channels=1, value_range=(0.0, LIGHTNESS), space="L*"),
    "B": Field(channels=2, value_range=(-CHROMA, CHROMA), space="a*b*"),
}


class ColorizationDataset(PhotographsDataset[None]):
    """Photographs: "A" is L* of CIELAB, 1×H×W, and "B" are a* and b*, 2×H×W.

    As in the reference; grey photographs are read too, with a "B" of zeros.
    """

    def __init__(self, config: None, shared: DataOptions) -> None:
        require_colour("--dataset_mode colorization")
        if shared.direction != "AtoB":
            raise OptionError("--dataset_mode colorization has the direction AtoB alone: from lightness to colours.")
        for name, field in (("input_nc", FIELDS["A"]), ("output_nc", FIELDS["B"])):
            if getattr(shared, name) not in (None, field.channels):
                raise OptionError(
                    f"--{name} is {getattr(shared, name)}, but with --dataset_mode colorization it is {field.channels}."
                )
        super().__init__(config, shared)

    @property
    def fields(self) -> dict[str, Field]:
        """Lightness and colours."""
        return dict(FIELDS)

    @cached_property
    def channels(self) -> dict[str, int]:
        """Files are read as colours."""
        return {"A": 3}

    def sample(self, index: int, rng: random.Random) -> Item:
        """The lightness and the colours of a photograph."""
        item = super().sample(index, rng)
        L, ab = lab_of(item["A"][None])
        return {"A": L[0], "B": ab[0], "A_paths": item["A_paths"], "B_paths": item["A_paths"]}
