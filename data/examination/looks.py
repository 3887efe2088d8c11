"""What is measured of each image: a small copy, its size and kind, and of pairs how far B is shifted."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlate.data.image_dataset import ImageDataset, Source
from pixlate.data.readers import Values
from pixlate.data.reading import BadImageError, read_file, to_rgb
from pixlate.data.side_pixels import stored_sides

from .shift import Shift, shift_of

THUMB = 16  # pixels of a small copy's sides
THREADS = 4

Report = Callable[[int, int], None]
Group = tuple[Source, ...]


@dataclass(frozen=True)
class Look:
    """One side of one file.

    - digest: of its pixels, which equal images share.
    - thumb: THUMB×THUMB×3 from 0 to 1.
    - blank: all pixels are equal; clipped: the share of pixels that are black or white.
    - colours: the number of different colours, at most 256 are counted; 0 for values of more than 8 bits.
    """

    path: Path
    side: str
    size: tuple[int, int]
    kind: str
    digest: bytes
    thumb: NDArray[np.float32]
    blank: bool
    clipped: float
    colours: int


@dataclass(frozen=True)
class Sample:
    """A group of files that were decoded: the sides, and of a pair the shift of B."""

    looks: tuple[Look, ...]
    shift: Shift | None = None


def look_at(
    dataset: ImageDataset[Any], groups: Sequence[Group], report: Report
) -> tuple[list[Sample], list[BadImageError]]:
    """Decode the files of these groups; returns what was measured, and the errors of files that cannot be read."""

    def look(group: Group) -> Sample | BadImageError:
        try:
            return _sample(dataset, group)
        except BadImageError as error:
            return error

    samples: list[Sample] = []
    bad: list[BadImageError] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for number, result in enumerate(pool.map(look, groups), start=1):
            if isinstance(result, BadImageError):
                bad.append(result)
            else:
                samples.append(result)
            report(number, len(groups))
    return samples, bad


def _sample(dataset: ImageDataset[Any], group: Group) -> Sample:
    looks, pictures = [], {}
    for source in group:
        content = read_file(source.path, dataset.reading)
        for side, part in zip(source.sides, stored_sides(content, source.sides, source.path), strict=True):
            picture = to_rgb(part, dataset.value_ranges.get(side))
            looks.append(_look(source.path, side, part, picture))
            pictures[side] = picture
    paired = {"A", "B"} <= pictures.keys()
    return Sample(tuple(looks), shift_of(pictures["A"], pictures["B"]) if paired else None)


def _look(path: Path, side: str, part: Image.Image | Values, picture: Image.Image) -> Look:
    values = np.asarray(part)
    digest = hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16, usedforsecurity=False)
    digest.update(repr((values.shape, values.dtype.name)).encode())
    levels = np.asarray(picture)
    small = picture.resize((THUMB, THUMB), Image.Resampling.BOX)
    thumb = (np.asarray(small) / 255).astype(np.float32)
    colours = picture.getcolors(256) if isinstance(part, Image.Image) else []
    return Look(
        path,
        side,
        picture.size,
        _kind(part),
        digest.digest(),
        thumb,
        blank=bool((values == values.flat[0]).all()),
        clipped=float(np.isin(levels, (0, 255)).all(-1).mean()),
        colours=256 if colours is None else len(colours),
    )


def _kind(part: Image.Image | Values) -> str:
    if isinstance(part, Image.Image):
        names = {"L": "grey", "1": "black and white", "P": "palette", "RGBA": "RGB with transparency"}
        return f"{names.get(part.mode, part.mode)}, 8 bits"
    return f"{part.dtype}, {part.shape[2]} channel{'s' * (part.shape[2] > 1)}"
