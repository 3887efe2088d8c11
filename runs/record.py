"""A stored run as an object: what its files tell of it, for notebooks and scripts."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixlate.errors import CheckpointError
from pixlate.util.foreign import foreign, open_file
from pixlate.util.image_io import ImageArray
from pixlate.util.notebook import card, curves, folded, image_table, note
from pixlate.util.text import listed, quoted, shown

from .overview import LOSSES, VALIDATION, Summary, read_records, summary

PAGE_FOLDER, SHOWN = "web", "shown.jsonl"  # of the training page: a line for each epoch, with its images
SHOWN_SAMPLES = 3
HUGE = 1e300  # no loss and no metric; an integer of this size is no float
MAX_PIXELS = 50_000_000  # of an image that is shown

Curves = dict[str, list[tuple[float, float]]]


class RunRecord:
    """A stored run, whose files are read at each access: of a training in progress it tells how far it is by then.

    In a notebook it shows its progress, metrics, curves and newest held-out images.

    - folder: of the run; higher_is_better: of metrics by name, smaller values are better for others.

    Raises CheckpointError where there is no run.
    """

    def __init__(self, folder: Path, higher_is_better: Mapping[str, bool]) -> None:
        self.folder = folder
        self._higher_is_better = higher_is_better
        _ = self._summary

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name

    @property
    def options(self) -> dict[str, Any]:
        """Its options by name. Empty where only weights are left."""
        return dict(self._summary.options or {})

    @property
    def given_options(self) -> dict[str, Any]:
        """The options that somebody gave, on the command line or in a configuration file."""
        found = self._summary
        return {name: value for name, value in sorted((found.options or {}).items()) if name in found.given}

    @property
    def epoch(self) -> int:
        """The epoch whose losses were logged last; 0 before any were."""
        return self._summary.epoch

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the last validation."""
        return dict(self._summary.metrics or {})

    @property
    def best(self) -> dict[str, tuple[float, int]]:
        """The best value of each metric of validations, with its epoch."""
        return dict(self._summary.best or {})

    @property
    def losses(self) -> Curves:
        """The logged losses by name, as points (images seen, value)."""
        return _curves_of(self.folder / LOSSES, "losses")

    @property
    def validations(self) -> Curves:
        """The metrics of validations by name, as points (images seen, value)."""
        return _curves_of(self.folder / VALIDATION, "metrics")

    @property
    def held_out(self) -> dict[str, dict[str, Path]]:
        """The newest translations of held-out samples: files by the sample's name and by label."""
        web = self.folder / PAGE_FOLDER
        for record in reversed(read_records(web / SHOWN)):
            with suppress(CheckpointError), foreign(CheckpointError):
                rows = {
                    str(row["name"]): {str(image["label"]): web / str(image["file"]) for image in row["images"]}
                    for row in record.get("unseen", ())
                }
                if rows:
                    return {
                        name: {label: path for label, path in row.items() if _is_inside(path, web)}
                        for name, row in rows.items()
                    }
        return {}

    def __repr__(self) -> str:
        found = self._summary
        model = shown((found.options or {}).get("model", "weights"))
        best = [f"{name} {value:.4g} (epoch {epoch})" for name, (value, epoch) in self.best.items()]
        return f"<run {quoted(self.name)}: {model}, {_position(found)}{'; best ' if best else ''}{listed(best)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        found = self._summary
        facts: dict[str, object] = {"folder": self.folder, "progress": _position(found)}
        if found.problem:
            facts["problem"] = found.problem
        for name, (value, epoch) in self.best.items():
            facts[f"best {name}"] = f"{value:.4g} in epoch {epoch}; last {self.metrics.get(name, value):.4g}"
        rows: dict[str, dict[str, ImageArray]] = {}
        for name, files in list(self.held_out.items())[:SHOWN_SAMPLES]:
            images = {label: _image(path) for label, path in files.items()}
            rows[name] = {label: image for label, image in images.items() if image is not None}
        body = [curves(self.validations), curves(self.losses), image_table(rows)]
        if self.given_options:
            body.append(folded("options that were given", list(self.given_options.items())))
        if not self.losses:
            body.append(note("No losses have been logged yet."))
        return card(f"Run {self.name}", facts, *body)

    @property
    def _summary(self) -> Summary:
        found = summary(self.folder, self._higher_is_better)
        if found is None:
            raise CheckpointError(f"{quoted(self.folder)} is no run: it has neither options nor weights.")
        return found


def _position(found: Summary) -> str:
    validated = max((epoch for _, epoch in (found.best or {}).values()), default=0)
    return f"epoch {max(found.epoch, validated)} of {found.n_epochs}, {found.images:,} images"


def _curves_of(path: Path, key: str) -> Curves:
    """The values of a log by name; what is no number is left out."""
    found: Curves = {}
    for record in read_records(path):
        values, images = record.get(key), record.get("images")
        if isinstance(values, dict) and isinstance(images, int):
            for name, value in values.items():
                if isinstance(value, int | float) and not abs(value) >= HUGE:
                    found.setdefault(str(name), []).append((float(images), float(value)))
    return found


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a file that a log names lies in the run's folder, and exists."""
    return path.is_file() and path.resolve().is_relative_to(folder.resolve())


def _image(path: Path) -> ImageArray | None:
    """The image of a file; None where it cannot be read."""
    try:
        with foreign(CheckpointError), open_file(path) as file, Image.open(file, formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            return np.asarray(image.convert("RGB"))
    except (CheckpointError, OSError):
        return None
