"""The noise floor of metrics of sets against the number of images: real images against others of the same folder.

python -m benchmarks.noise_floor photos --counts 8 16 32 64 --size 256
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pixlate.metrics.base import MetricContext
from pixlate.metrics.colours import histograms, intersection
from pixlate.metrics.features import EfficientNetLite0
from pixlate.metrics.sets import frechet_distance, kernel_distance

SUFFIXES = (".jpg", ".jpeg", ".png")
DRAWS = 10  # disjoint pairs of sets for each number, drawn again and again


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table: for each number of images, mean and standard deviation over `DRAWS` draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[8, 16, 32, 64, 128])
    parser.add_argument("--size", type=int, default=256)
    given = parser.parse_args(arguments)
    images = _images(given.folder, given.size)
    network = EfficientNetLite0(MetricContext())
    features = torch.cat([network(part) for part in images.split(16)])
    distances: dict[str, tuple[Tensor, Callable[[Tensor, Tensor], float]]] = {
        "fd_efflite0": (features, frechet_distance),
        "kd_efflite0": (features, kernel_distance),
    }
    for channel in ("L", "b"):
        counted = torch.cat([histograms(part * 2 - 1, channel) for part in images.split(16)])
        distances[f"lab_{channel}"] = (counted, intersection)
    print(f"| N | {' | '.join(distances)} |\n| --- |{' --- |' * len(distances)}")
    for count in given.counts:
        if 2 * count > len(images):
            print(f"{len(images)} images are too few for {count} against {count}.")
            continue
        cells = [_cell(values, distance, count) for values, distance in distances.values()]
        print(f"| {count} | {' | '.join(cells)} |", flush=True)


def _cell(values: Tensor, distance: Callable[[Tensor, Tensor], float], count: int) -> str:
    draw = np.random.default_rng(count)
    found = []
    for _ in range(DRAWS):
        order = draw.permutation(len(values))
        found.append(distance(values[order[:count]], values[order[count : 2 * count]]))
    return f"{np.mean(found):.3g} ± {np.std(found):.1g}"


def _images(folder: Path, size: int) -> Tensor:
    """N×3×size×size in [0, 1], in the order of their names."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    pixels = [
        np.array(Image.open(path).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)) for path in paths
    ]
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255


if __name__ == "__main__":
    main()
