"""The data set of inpainting: photographs with holes."""

import random
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from pixlate.errors import DataError, OptionError
from pixlate.options.shared import DataOptions
from pixlate.plugins.field import Field

from .base import Item
from .folders import find_images, why_no_images
from .holes import HOLES
from .photographs import PhotographsDataset
from .plugin import HoleOptions
from .reading import read_image


class InpaintingDataset(PhotographsDataset[HoleOptions]):
    """Photographs: "B" is one, "mask" a random hole, and "A" the photograph with 0, mid-grey, in the hole.

    The hole of a sample depends on its number and the epoch, so that a test has the same holes each time.
    """

    def __init__(self, config: HoleOptions, shared: DataOptions) -> None:
        if shared.direction != "AtoB":
            raise OptionError("--dataset_mode inpainting has the direction AtoB alone: B has no holes.")
        if shared.input_nc and shared.output_nc and shared.input_nc != shared.output_nc:
            raise OptionError(
                f"--input_nc is {shared.input_nc} and --output_nc {shared.output_nc}, but with --dataset_mode "
                "inpainting they are equal."
            )
        super().__init__(config, shared)
        self.masks = _masks(config.hole_masks)

    @property
    def fields(self) -> dict[str, Field]:
        """The photograph with and without the hole, and the hole."""
        photograph = super().fields["A"]
        return {"A": photograph, "B": photograph, "mask": Field("mask")}

    def sample(self, index: int, rng: random.Random) -> Item:
        """A photograph, and a hole in it."""
        item = super().sample(index, rng)
        photograph = item["A"]
        hole = self._hole((photograph.shape[2], photograph.shape[1]), rng)
        return {
            "A": torch.where(hole > 0, 0.0, photograph),
            "B": photograph,
            "mask": hole,
            "A_paths": item["A_paths"],
            "B_paths": item["A_paths"],
        }

    def _hole(self, size: tuple[int, int], rng: random.Random) -> Tensor:
        """A mask 1×H×W: 1 in the hole, -1 elsewhere."""
        if self.masks:
            image = read_image(rng.choice(self.masks), self.reading).convert("L").resize(size, Image.Resampling.NEAREST)
        else:
            image = HOLES[self.config.hole](size, self.config.hole_area, rng)
        inside = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).reshape(1, size[1], size[0]) > 127
        return inside.float() * 2 - 1


def _masks(folder: str) -> list[Path]:
    """The files of `--hole_masks`. Raises DataError where there are none."""
    if not folder:
        return []
    files = find_images(Path(folder)) if Path(folder).is_dir() else []
    if not files:
        raise DataError(f"{why_no_images(Path(folder))}: --hole_masks must be a folder of images, white in the holes.")
    return files
