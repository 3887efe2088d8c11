"""Edges of photographs, by Canny's detector (Canny 1986) of scikit-image: data for edges to photographs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixlate.data.reading import to_rgb
from pixlate.errors import OptionError
from pixlate.util.optional import require_extra

from . import images
from .output import Report, Summary, images_in, input_folder, named, output_folder, process


@dataclass(frozen=True)
class EdgeOptions:
    """How edges are found and written.

    - sigma: of the Gaussian that smooths the image, in pixels.
    - low, high: thresholds of the change of brightness, where 1 is from black to white.
    - white_lines: white lines on black instead of black ones on white.
    - combine: edges and photograph side by side in one file, as pairs for a training.
    """

    sigma: float = 2.0
    low: float = 0.05
    high: float = 0.15
    white_lines: bool = False
    combine: bool = False
    format: str = "png"
    overwrite: bool = False
    skip_bad: bool = False


def edges_of(photograph: Image.Image, options: EdgeOptions) -> Image.Image:
    """The edges of an image, one pixel wide, as a grey image of its size."""
    from skimage import feature  # here, because it is optional

    grey = np.asarray(photograph.convert("L"), np.float64) / 255
    find: Any = feature.canny
    found = find(grey, sigma=options.sigma, low_threshold=options.low, high_threshold=options.high)
    return Image.fromarray(np.where(found == options.white_lines, 255, 0).astype(np.uint8))


def draw_edges(photographs: Path, output: Path, options: EdgeOptions, report: Report) -> Summary:
    """Write the edges of every photograph in a folder, in sub-folders as there.

    Raises OptionError without scikit-image and for thresholds in the wrong order, DataError where there are no images,
    BadImageError for one that cannot be read.
    """
    require_extra("skimage", "edges", "pixlate edges")
    if options.low > options.high:
        raise OptionError(f"--low {options.low:g} must not be larger than --high {options.high:g}.")
    source = input_folder(photographs)
    files = images_in(source)
    folder = output_folder(output, [source], overwrite=options.overwrite)

    def write(file: tuple[Path, Path]) -> None:
        path, name = file
        content = images.read(path)
        photograph = to_rgb(content)
        edges: images.Content = edges_of(photograph, options)
        if options.combine:
            edges = images.joined(edges, photograph, path)
        images.save(edges, folder / name, images.SUFFIXES[options.format])

    return process(named(files, source), write, skip_bad=options.skip_bad, report=report)
