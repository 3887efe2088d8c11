"""Learn to colour drawings from a folder of photographs: a plugin of pixlate in one file.

    python train.py --plugin sketches.py --model pix2pix --dataset_mode sketches --dataroot ./photos
    python test.py --plugin sketches.py --name photos_pix2pix

It adds a data set, whose pairs are a photograph (B) and lines found in it (A), and a listener that measures, on the
images that are not trained on, how far the translations are from the photographs.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import click
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from pixlate.data import DataOptions, ImageDataset, Item, Source, find_images, size_of
from pixlate.plugins import Progress, Register, Run, Sample, hookimpl, option

STEEP = 0.05  # per pixel, of the 2 from black to white


@dataclass(frozen=True)
class SketchConfig:
    """Options of the data set."""

    reach: int = option(0, "pixels that a line is thickened by on each side", type=click.IntRange(0, 9))


class SketchDataset(ImageDataset[SketchConfig]):
    """Pairs of lines (A) and the photograph that they were found in (B), from <dataroot>/<phase>."""

    def __init__(self, config: SketchConfig, shared: DataOptions) -> None:
        super().__init__(config, shared)
        files = find_images(self.root / shared.phase, shared.max_dataset_size)
        self.groups = [(Source(file, ("B",)),) for file in files]

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        (source,) = self.groups[index]
        (pixels,) = self.pixels(source)
        photograph = self.transform.finish(pixels, self.transform.draw(size_of(pixels), rng))
        path = str(source.path)
        return {"A": self.lines(photograph), "B": photograph, "A_paths": path, "B_paths": path}

    def lines(self, photograph: Tensor) -> Tensor:
        """Black lines on white, with as many channels as A has, where a photograph's brightness changes steeply."""
        smooth = avg_pool2d(photograph.mean(0, keepdim=True), 3, stride=1, padding=1, count_include_pad=False)
        down, across = torch.gradient(smooth[0])
        width = 2 * self.config.reach + 1
        drawn = max_pool2d((down.hypot(across) > STEEP).float()[None], width, stride=1, padding=self.config.reach)
        return (1 - 2 * drawn).repeat(self.channels["A"], 1, 1)


class SketchError:
    """Writes the mean distance between translations and photographs, from 0 to 1, to sketch_error.txt in the run."""

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
            print(f"smallest distance to a photograph: {self.best[0]:.4f}, in epoch {self.best[1]}")


@hookimpl
def register_datasets(register: Register) -> None:
    register("sketches", SketchDataset, config=SketchConfig, help="photographs, and lines found in them")


@hookimpl
def register_viewers(register: Register) -> None:
    register("sketch_error", SketchError, help="how far translations are from photographs that are not trained on")
