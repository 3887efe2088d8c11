"""The images that an export is compared with: those of a folder, or of the data that a run was trained on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pixlate.errors import DataError, PixlateError
from pixlate.plugins.manager import Plugins
from pixlate.util.text import quoted

if TYPE_CHECKING:
    from torch import Tensor

    from pixlate.data.base import BaseDataset
    from pixlate.inference.translator import Translator

MOST = 16  # images; a comparison needs two, the calibration of int8 more
PHASES = ("test", "val", "train")  # whose images are taken, the first of them that the data has


def images_for(plugins: Plugins, run: str, translator: "Translator", folder: Path | None) -> "tuple[list[Tensor], str]":
    """Some images, 1×C×H×W in [-1, 1], and what they are, in words that name no place on this machine.

    None where there is no folder, and no data of the run. Raises DataError for a folder without images, BadImageError
    for files of it that cannot be read.
    """
    if folder is not None:
        return _of_folder(translator, folder.expanduser())
    dataset = data_of(plugins, run)
    if dataset is None:
        return [], ""
    side = "A" if translator.origin.direction == "AtoB" else "B"
    dataset.take_each_input_once(None)
    images = list(islice(_readable(dataset, side), MOST))
    return images, f"images of the run's data, phase {dataset.shared.phase}" if images else ""


def _readable(dataset: "BaseDataset[object]", side: str) -> "Iterator[Tensor]":
    """The images of one side, without those that cannot be read: an export needs any of them."""
    from pixlate.data.batches import fetch
    from pixlate.data.reading import BadImageError

    for index in range(len(dataset)):
        with suppress(BadImageError):
            batch = fetch(dataset, [(1, index)])[0]
            if side in batch:
                yield batch[side]


def _of_folder(translator: "Translator", folder: Path) -> "tuple[list[Tensor], str]":
    from pixlate.data.field_values import EIGHT_BIT
    from pixlate.data.folders import find_images, why_no_images
    from pixlate.inference.conversion import opened, to_tensor

    files = find_images(folder, MOST) if folder.is_dir() else []
    if not files:
        raise DataError(why_no_images(folder) if folder.is_dir() else f"there is no folder {quoted(folder)}.")
    field, channels = translator.engine.fields.get("A", EIGHT_BIT), translator.engine.channels[0]
    images = [
        to_tensor(opened(path, translator.reading, field), field, channels, translator.value_range) for path in files
    ]
    return images, f"images of {quoted(folder.name)}"


def data_of(plugins: Plugins, run: str) -> "BaseDataset[object] | None":
    """The data of a run, by the options of a test; None for what is no run, or where its data is not there."""
    from pixlate.data.create import make_dataset
    from pixlate.data.value_range import read_ranges
    from pixlate.options.command.resolve import resolve
    from pixlate.options.command.stored import FILE

    folder = Path(run).expanduser()
    folder = folder if folder.exists() else Path("checkpoints") / folder
    if not (folder / FILE).is_file():
        return None
    for phase in PHASES:
        words = ["--name", folder.name, "--checkpoints_dir", str(folder.parent), "--phase", phase]
        try:
            with _silence():
                resolved = resolve("test", words, plugins)
                dataset = make_dataset(resolved.components["dataset_mode"], resolved.values, plugins.registry("reader"))
                if resolved.stored:
                    dataset.use_value_ranges(read_ranges(resolved.stored.value_ranges))
                len(dataset)
            return dataset
        except PixlateError:
            continue
    return None


@contextmanager
def _silence() -> Iterator[None]:
    """Without what a test would say of data that may not be there."""
    log = logging.getLogger("pixlate")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
