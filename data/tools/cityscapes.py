"""Cityscapes as pairs and as two unpaired folders, in the form of the reference's script."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pixlate.data.reading import read_image
from pixlate.errors import DataError
from pixlate.util.files import make_folder, write_whole
from pixlate.util.text import listed, quoted

from .output import Report, Summary, input_folder, output_folder, process

PHASES = {"train": "train", "val": "test"}  # of Cityscapes, and of the result
PHOTO, LABELS = "_leftImg8bit.png", "_gtFine_color.png"
SIDE = 256  # pixels


def prepare_cityscapes(labels: Path, photos: Path, output: Path, *, overwrite: bool, report: Report) -> Summary:
    """Write train/ and test/ with the photograph left and the labels right, and trainA/, trainB/, testA/ and testB/.

    All images are 256 x 256, resized bicubically as in the reference; names are numbers in the order of the files.
    Raises DataError where files are missing, BadImageError for one that cannot be read.

    - labels: the folder gtFine; photos: the folder leftImg8bit. Those that contain them are taken too.
    """
    labels, photos = _inside(labels, "gtFine"), _inside(photos, "leftImg8bit")
    jobs = [job for phase in PHASES for job in _pairs(labels, photos, phase)]
    folder = output_folder(output, [labels, photos], overwrite=overwrite)

    def write(job: tuple[str, int, Path, Path]) -> None:
        phase, number, photo_path, labels_path = job
        photo, colours = (read_image(path).resize((SIDE, SIDE)) for path in (photo_path, labels_path))
        both = Image.fromarray(np.hstack([np.asarray(photo), np.asarray(colours)]))
        name = PHASES[phase]
        _save(both, folder / name / f"{number}.jpg")
        _save(photo, folder / f"{name}A" / f"{number}_A.jpg")
        _save(colours, folder / f"{name}B" / f"{number}_B.jpg")

    return process(jobs, write, skip_bad=False, report=report)


def _inside(folder: Path, name: str) -> Path:
    folder = input_folder(folder)
    return folder / name if (folder / name).is_dir() else folder


def _pairs(labels: Path, photos: Path, phase: str) -> Iterator[tuple[str, int, Path, Path]]:
    """The pairs of a phase: its number, the photograph and the labels."""
    found = {}
    for folder, ending in ((photos, PHOTO), (labels, LABELS)):
        files = sorted((folder / phase).glob(f"*/*{ending}"))
        found[ending] = {path.name.removesuffix(ending): path for path in files}
        if not files:
            raise DataError(
                f"{quoted(folder / phase)} has no files '<city>/*{ending}': check --gtFine_dir and --leftImg8bit_dir."
            )
    alone = sorted(found[PHOTO].keys() ^ found[LABELS].keys())
    if alone:
        raise DataError(
            f"{len(alone)} of the files of the phase '{phase}' have no partner: {listed(map(quoted, alone), 3)}."
        )
    for number, name in enumerate(sorted(found[PHOTO])):
        yield phase, number, found[PHOTO][name], found[LABELS][name]


def _save(image: Image.Image, path: Path) -> None:
    make_folder(path.parent)
    data = io.BytesIO()
    image.save(data, "JPEG", subsampling=0, quality=100)
    write_whole(path, data.getvalue())
