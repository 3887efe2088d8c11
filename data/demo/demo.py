"""The demo data: drawn streets of town houses, with which everything can be tried without a download.

Pairs (train, val, test: label map on the left, image on the right) for pix2pix, and unpaired images (trainA, testA by
day; trainB, testB of other streets by night) for CycleGAN. Each file is a function of its folder and number.
"""

import random
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from pixlate.util.files import atomic_write, cannot_write, make_folder
from pixlate.util.locks import only_maker

from .materials import DAY, NIGHT
from .painting import paint
from .street import SIDE, invent_street, label_map

FOLDER = Path("datasets") / "demo"
COUNTS: Mapping[str, int] = {
    **{"train": 200, "val": 20, "test": 20},
    **{"trainA": 80, "trainB": 80, "testA": 16, "testB": 16},
}


def demo_folder() -> Path:
    """The folder ./datasets/demo, drawn if it does not exist, which takes a few seconds and 15 MB."""
    if not FOLDER.is_dir():
        write_demo(FOLDER)
    return FOLDER


def write_demo(folder: Path, counts: Mapping[str, int] = COUNTS) -> None:
    """Draw the demo data. The folder appears when it is complete; an interrupted drawing is continued.

    While another process draws it, this one waits.

    - counts: the number of files in each sub-folder.

    Raises DataError if it cannot be written.
    """
    make_folder(folder.parent)
    with only_maker(folder):
        if folder.is_dir():  # another process has made it meanwhile
            return
        part = folder.with_name(f".{folder.name}.part")
        for name, count in counts.items():
            make_folder(part / name)
            for number in range(1, count + 1):
                _write(part / name / f"{number:04}.png", name, number)
        try:
            part.rename(folder)
        except OSError as error:
            raise cannot_write(folder, error) from error


def draw(name: str, number: int) -> Image.Image:
    """One image of the demo data, of the folder `name`: 512 x 256 for a pair, else 256 x 256."""
    rng = random.Random(f"{name}/{number}")
    street = invent_street(rng)
    if name.endswith("A"):
        return paint(street, DAY)
    if name.endswith("B"):
        return paint(street, NIGHT, rng)
    pair = Image.new("RGB", (2 * SIDE, SIDE))
    pair.paste(label_map(street), (0, 0))
    pair.paste(paint(street, DAY), (SIDE, 0))
    return pair


def _write(path: Path, name: str, number: int) -> None:
    if not path.exists():
        with atomic_write(path) as file:
            draw(name, number).save(file, "PNG", compress_level=3)
