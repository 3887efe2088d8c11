"""The pairs that a student learns from: inputs and what their teacher makes of them, as files."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pixlate.data.base import BaseDataset
from pixlate.data.batches import fetch
from pixlate.data.field_values import file_values, palette_of
from pixlate.data.readers import Values
from pixlate.data.writers import BUILTIN, Writer, save_classes, save_values, writer_for
from pixlate.plugins.field import Field
from pixlate.util.files import make_folder, write_whole
from pixlate.util.foreign import read_small
from pixlate.util.owned import OwnFiles
from pixlate.util.stale_files import remove_stale_files

FACTS = "teacher.json"
SIDES = ("A", "B")
LONGEST = 80  # characters of an input's name in that of its pair

#: Translates the input, N×C×H×W in [-1, 1], with the names of its images and the further fields of their batch.
Translate = Callable[[Tensor, list[str], Mapping[str, Any]], Tensor]
Report = Callable[[int, int], None]


class PairFolder:
    """A folder with the pairs of a teacher: <phase>/A and <phase>/B, in which one side is the input.

    - facts: what the pairs depend on, as plain values. A folder with the pairs of other facts is emptied.

    Each file is written whole. What an interrupted command wrote stays, and is completed. Raises DataError where files
    cannot be written, or are none of pixlate's.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder, self._facts = make_folder(folder), dict(facts)
        self._files = OwnFiles(folder)
        remove_stale_files(folder, [".", *self._files.folders()])
        content = _read(folder / FACTS)
        if content.get("facts") != json.loads(json.dumps(self._facts)):
            self._files.remove()
            content = {}
        complete = content.get("complete")
        self._complete: dict[str, int] = complete if isinstance(complete, dict) else {}
        if not content:  # before the first pair, so that those of an interrupted command are known to be this teacher's
            self._write_facts()

    def write(
        self,
        phase: str,
        dataset: BaseDataset[Any],
        input_side: str,
        translate: Translate,
        report: Report,
        *,
        views: int = 1,
    ) -> int:
        """Write the pairs of a phase that are missing; returns how many were translated.

        - input_side: "A" or "B", the side of the data set that is the input.
        - views: the number of epochs of the data set whose samples are translated.
        - report: called with the numbers of pairs that are done, and of all.

        Raises BadImageError for an image that cannot be read, unless the data set replaces such.
        """
        count = views * len(dataset)
        if self.is_complete(phase, count):
            return 0
        present = {side: self._present(phase, side) for side in SIDES}
        translated = 0
        for number, batch in enumerate(_samples(dataset, views)):
            path = str(batch[f"{input_side}_paths"][0])
            name = f"{number:0{len(str(count))}}_{_plain(Path(path).stem)}"
            if not all(name in present[side] for side in SIDES):
                x = batch[input_side]
                others = {field: value for field, value in batch.items() if field.removesuffix("_paths") not in SIDES}
                y = translate(x, [path], others)
                output_side = "B" if input_side == "A" else "A"
                for side, image in ((input_side, x), (output_side, y)):
                    self._save(image, dataset.fields.get(side, Field()), f"{phase}/{side}/{name}")
                translated += 1
            report(number + 1, count)
        self._complete[phase] = count
        self._write_facts()
        return translated

    def is_complete(self, phase: str, count: int) -> bool:
        """Whether a phase has all its pairs, so many."""
        return self._complete.get(phase) == count and all(len(self._present(phase, side)) == count for side in SIDES)

    def _save(self, image: Tensor, field: Field, name: str) -> None:
        values = exact_values(image, field)
        writer: Writer = writer_for(values, ".png", BUILTIN)
        path = self.folder / f"{name}{writer.suffix}"
        self._files.claim(path.relative_to(self.folder).as_posix())  # which refuses a link that leads out
        make_folder(path.parent)
        if field.kind == "labels":
            save_classes(values, path, palette_of(field))
        else:
            save_values(values, path, writer)

    def _present(self, phase: str, side: str) -> set[str]:
        """The names, without their suffix, of the pairs that were written."""
        folder = self.folder / phase / side
        files = folder.iterdir() if folder.is_dir() else ()
        return {path.stem for path in files if not path.name.startswith(".")}

    def _write_facts(self) -> None:
        self._files.claim(FACTS)
        content = json.dumps({"facts": self._facts, "complete": self._complete}, indent=2)
        write_whole(self.folder / FACTS, content.encode())


def exact_values(image: Tensor, field: Field) -> Values:
    """The values of an image 1×C×H×W in a file, rounded to the nearest: those of an input are what its file had."""
    if field.kind == "labels" or field.dtype != "uint8":
        return file_values(image, field)
    levels = image[0].detach().float().cpu().permute(1, 2, 0).numpy()
    return np.rint(np.nan_to_num((levels + 1) * 127.5)).clip(0, 255).astype(np.uint8)


def declared(fields: Mapping[str, Field]) -> Iterator[str]:
    """What `--field` must say of the two sides for a training to read the pairs as they were written."""
    for side in SIDES:
        field = fields.get(side, Field())
        if field.kind == "labels":
            yield f"{side}=labels:{field.classes}"
        elif field.kind == "mask":
            yield f"{side}=mask"
        elif field.dtype != "uint8":
            low, high = (f"{value:.9f}".rstrip("0").rstrip(".") for value in field.value_range)
            yield f"{side}=image:{low}..{high}"
        elif field.display:
            yield f"{side}=image:{','.join(map(str, field.display))}"
        if field.scale != 1:
            yield f"{side}=scale:{field.scale}"


def _samples(dataset: BaseDataset[Any], epochs: int) -> Iterator[dict[str, Any]]:
    for epoch in range(1, epochs + 1):
        for index in range(len(dataset)):
            batch, _ = fetch(dataset, [(epoch, index)])
            yield batch


def _plain(stem: str) -> str:
    """The stem of an input as part of a name that every file system takes."""
    return re.sub(r"[^\w.-]+", "-", stem)[:LONGEST].rstrip(".") or "image"


def _read(path: Path) -> dict[str, Any]:
    """The facts of a folder; empty where there are none, or none that can be read."""
    with suppress(OSError, ValueError):
        content = json.loads(read_small(path).decode("utf-8"))
        if isinstance(content, dict):
            return content
    return {}
