"""Measures translation by tiles: seams, and the difference from the translation of the whole image.

    python -m benchmarks.tiling --image photo.jpg --run "ResNet, instance norm" checkpoints/night2day --out tiles

Prints a table in Markdown: for each run, and each way to tile, the seam measure at the borders of tiles, divided by
that of the whole image at the same places, and the difference from the whole image in 8-bit levels; both without
dropout.
With `--out`, the images are written. Without `--run`, generators with random weights are measured.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import pixlate  # noqa: E402
from pixlate.inference.engine import ModelEngine  # noqa: E402
from pixlate.inference.tiles import tile_network  # noqa: E402
from pixlate.inference.tiling.network import TileNetwork  # noqa: E402
from pixlate.inference.tiling.options import TileOptions, grid_for  # noqa: E402
from pixlate.inference.tiling.seams import seam_measure  # noqa: E402
from pixlate.inference.tiling.sources import ReflectedSource, TensorSource  # noqa: E402
from pixlate.inference.tiling.translation import TiledTranslation  # noqa: E402

RANDOM = ("resnet_6blocks instance", "resnet_6blocks batch", "unet_128 instance", "unet_128 batch")


@dataclass(frozen=True)
class Way:
    """One way to translate an image."""

    name: str
    options: TileOptions


@dataclass(frozen=True)
class Measured:
    """What is told of one translation: seams of pixels and of colours, differences in levels, CPU time in seconds."""

    step: float
    colour: float
    mean: float
    largest: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.step:.2f} | {self.colour:.2f} | {self.mean:.3g} | {self.largest:.3g} | {self.seconds:.1f}"


def levels(y: Tensor) -> NDArray[np.float64]:
    """H×W×C in 8-bit levels, not rounded."""
    values: NDArray[np.float64] = ((y[0].double() + 1) * 127.5).permute(1, 2, 0).numpy()
    return values


def borders_of(network: TileNetwork, shape: tuple[int, int], tile: int, overlap: int) -> tuple[list[int], list[int]]:
    """Where the blended tiles of an image give way to each other."""
    return grid_for(network, *shape, TileOptions(tile, overlap)).borders


def measured(y: Tensor, whole: Tensor, borders: tuple[list[int], list[int]], gap: int, seconds: float) -> Measured:
    """Compare a translation with that of the whole image, whose content has its own changes at the borders."""
    image, expected = levels(y), levels(whole)
    difference = np.abs(image - expected)
    step, colour = (
        seam_measure(image, *borders, gap=gap_here, width=width)
        / seam_measure(expected, *borders, gap=gap_here, width=width)
        for gap_here, width in ((0, 1), (gap, 16))
    )
    return Measured(step, colour, float(difference.mean()), float(difference.max()), seconds)


def random_network(name: str, ngf: int) -> TileNetwork:
    """A generator with random weights, large enough that its output is not grey."""
    netG, norm = name.split()
    torch.manual_seed(0)
    model = pixlate.create_model("pix2pix", train=False, device="cpu", netG=netG, norm=norm, ngf=ngf)
    for weight in model.networks["G"].parameters():
        if weight.dim() > 1:
            weight.data.mul_(2)
    return tile_network(ModelEngine(model), {"A_paths": ["a"]}, {"A": 3})


def trained_network(run: str, running: bool) -> TileNetwork:
    """The generator of a run."""
    translate = pixlate.load(run, device="cpu", running_statistics=running)
    return tile_network(translate.engine, {"A_paths": ["a"]}, {"A": translate.engine.channels[0]})


def rows(label: str, network: TileNetwork, x: Tensor, tile: int, exact_tile: int, out: Path | None) -> list[str]:
    """The rows of the table for one network."""
    height, width = (network.sides.at_least(side) for side in x.shape[-2:])
    source = ReflectedSource(TensorSource(x), height, width)
    start = time.process_time()
    whole = network.run(source.read(0, height, 0, width))[..., : x.shape[-2], : x.shape[-1]]
    found = {"whole image": (whole, time.process_time() - start)}
    ways = [
        Way("plain, no overlap", TileOptions(tile, 0, norms="tile")),
        Way("plain, blended", TileOptions(tile, 64, norms="tile")),
        Way("statistics of the image", TileOptions(tile, 64)),
        Way("exact", TileOptions(exact_tile, exact=True)),
    ]
    for way in ways:
        start = time.process_time()
        y = TiledTranslation(network, TensorSource(x), way.options).whole()
        found[way.name] = y, time.process_time() - start
    lines = []
    for name, (y, seconds) in found.items():
        # The whole image has no seams: its measure, at the same places, is that of its content.
        overlap = 0 if name == "plain, no overlap" else 64
        borders = borders_of(network, (height, width), tile, overlap)
        lines.append(f"| {label} | {name} | {measured(y, whole, borders, overlap, seconds)} |")
        print(lines[-1], flush=True)
        if out:
            pixels = levels(y).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(out / f"{label}-{name}.png".replace(" ", "_").replace(",", ""))
    return lines


@click.command()
@click.option("--image", type=click.Path(exists=True, path_type=Path), required=True, help="An RGB image.")
@click.option("--size", type=(int, int), default=(2048, 1536), show_default=True, help="It is resized to this.")
@click.option("--run", "runs", type=(str, str), multiple=True, help="A label, and a run's folder; repeatable.")
@click.option("--running", is_flag=True, help="Measure runs with running statistics too.")
@click.option("--tile", default=512, show_default=True, help="The side of tiles.")
@click.option("--exact_tile", default=1024, show_default=True, help="The side of exact tiles.")
@click.option("--ngf", default=8, show_default=True, help="Of the generators with random weights.")
@click.option("--out", type=click.Path(path_type=Path), help="A folder for the images.")
def main(
    image: Path,
    size: tuple[int, int],
    runs: tuple[tuple[str, str], ...],
    running: bool,
    tile: int,
    exact_tile: int,
    ngf: int,
    out: Path | None,
) -> None:
    """Print the table."""
    if out:
        out.mkdir(parents=True, exist_ok=True)
    pixels = np.array(Image.open(image).convert("RGB").resize(size, Image.Resampling.BICUBIC), np.float32)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    print("| network | tiles | seam | seam of colours | mean difference | largest | CPU seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    if not runs:
        for name in RANDOM:
            rows(name, random_network(name, ngf), x, tile, exact_tile, out)
    for label, run in runs:
        for statistics in (False, True) if running else (False,):
            name = f"{label}, running statistics" if statistics else label
            rows(name, trained_network(run, statistics), x, tile, exact_tile, out)


if __name__ == "__main__":
    main()
