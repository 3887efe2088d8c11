"""Train a model to colour sketches, from a folder of photographs: a plugin of pixlate in one file.

    python train.py --plugin sketches.py --model pix2pix --dataset_mode sketches --dataroot ./photos
    python test.py --plugin sketches.py --name photos_pix2pix

It adds a data set, whose pairs are a photograph (B) and its edges (A), and a viewer that measures on held-out images
how far the translations are from the photographs.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import click
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from pixlate.data import DataOptions, ImageDataset, Item, Source, find_images
from pixlate.plugins import Progress, Register, Run, Sample, hookimpl, option

THRESHOLD = 0.05  # of an edge: the change of brightness per pixel, where black is -1 and white 1


@dataclass(frozen=True)
class SketchConfig:
    """Options of the data set."""

    line_radius: int = option(0, "pixels that lines are thickened by on each side", type=click.IntRange(0, 9))


class SketchDataset(ImageDataset[SketchConfig]):
    """Pairs of edges (A) and the photograph that they are computed from (B), from <dataroot>/<phase>."""

    def __init__(self, config: SketchConfig, shared: DataOptions) -> None:
        super().__init__(config, shared)
        files = find_images(self.root / shared.phase, shared.max_dataset_size)
        self.groups = [(Source(file, ("B",)),) for file in files]

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        (source,) = self.groups[index]
        photograph = self.image(source, rng)
        path = str(source.path)
        return {"A": self.lines(photograph), "B": photograph, "A_paths": path, "B_paths": path}

    def lines(self, photograph: Tensor) -> Tensor:
        """The edges of a 3×H×W photograph, black on white, C×H×W with the channels of A."""
        smooth = avg_pool2d(photograph.mean(0, keepdim=True), 3, stride=1, padding=1, count_include_pad=False)
        down, across = torch.gradient(smooth[0])
        radius = self.config.line_radius
        edges = max_pool2d((down.hypot(across) > THRESHOLD).float()[None], 2 * radius + 1, stride=1, padding=radius)
        return (1 - 2 * edges).repeat(self.channels["A"], 1, 1)


class SketchError:
    """Writes the mean absolute error of translations, from 0 to 1, to sketch_error.txt in the run's folder."""

    def __init__(self) -> None:
        self.best: tuple[float, int] | None = None

    @hookimpl
    def samples_shown(self, run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
        pairs = [sample.images for sample in samples if {"fake_B", "real_B"} <= sample.images.keys()]
        if not pairs:
            return
        error = sum(float((pair["fake_B"] - pair["real_B"]).abs().mean()) for pair in pairs) / len(pairs) / 2
        run.open_log("sketch_error.txt").write(f"{progress.images} {error:.4f}")
        self.best = min(self.best or (error, progress.epoch), (error, progress.epoch))

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        if self.best is not None:
            print(f"smallest mean absolute error: {self.best[0]:.4f}, in epoch {self.best[1]}")


@hookimpl
def register_datasets(register: Register) -> None:
    register("sketches", SketchDataset, config=SketchConfig, help="photographs and their edges")


@hookimpl
def register_viewers(register: Register) -> None:
    register("sketch_error", SketchError, help="writes the mean absolute error on held-out images")
