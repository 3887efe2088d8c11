"""The gallery of a test: image files, and a page with one row of images per input."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import NamedTuple

from dominate import tags
from dominate.dom_tag import dom_tag
from torch import Tensor

from pixlate.data.field_values import displayed, field_of, file_values, palette_of
from pixlate.data.readers import PixelSize
from pixlate.data.writers import BUILTIN, Writer, save_classes, save_values, writer_for
from pixlate.errors import DataError
from pixlate.metrics.base import Measured, described
from pixlate.plugins.field import Field
from pixlate.util.files import make_folder
from pixlate.util.html import PageImage, content_width, image_row, page, rendered, save_page, visible
from pixlate.util.image_io import ImageWriter, stretched_size, to_saved_image
from pixlate.util.names import ResultNames, safe_name
from pixlate.util.owned import OwnFiles

from .folder import remove_stale_files

PAGE, IMAGES = "index.html", "images"
# The page is rewritten after at least this many times the duration of writing it: at most 5 % of the time goes into it.
PAGE_INTERVAL = 20
MIN_PAGE_INTERVAL = 5.0  # seconds


class _Row(NamedTuple):
    """One input on the page."""

    section: dom_tag
    files: list[Path]
    metrics: Mapping[str, float]


class Gallery:
    """A folder with `index.html` and `images/<stem>_<label>.png`.

    Image files are written in the background and the page every few seconds, so that an interrupted test leaves a page
    of the images that exist. Use it in a `with` block, which completes both. Raises DataError
    where a file cannot be written.

    `files` is the record of the files in the folder.
    """

    def __init__(
        self,
        folder: Path,
        title: str,
        *,
        heading: str = "",
        facts: Mapping[str, str] = MappingProxyType({}),
        width: int = 256,
        aspect_ratio: float = 1.0,
        fields: Mapping[str, Field] = MappingProxyType({}),
        writers: Iterable[Writer] = (),
        pixel_size: Callable[[str], PixelSize | None] = lambda path: None,
        visuals: Collection[str] = (),
        suffix: str = ".png",
    ) -> None:
        """Create the folder, and remove temporary files of processes that were killed.

        The first result replaces those of an earlier test in the folder. Files that pixlate did not write stay; where
        one has the name of a result, there is a DataError.

        - title: of the page, "Experiment = facades, Phase = test, Epoch = latest".
        - heading: at the top of the page; the title where empty.
        - facts: names and values under the heading, about how the images were computed.
        - width: of an image on the page, in pixels.
        - aspect_ratio: saved images are stretched to this height : width.
        - fields: of the data, with A as the input, which tell how images are written and shown.
        - writers: those of plugins, which are asked before the built-in ones.
        - pixel_size: the physical size of a pixel of the results for an input file, where it is known.
        - visuals: the labels of the images that are written; empty for all.
        - suffix: of the files that are shown: ".png", ".jpg", ".webp" or ".tif". Labels are PNG files in any case.
        """
        self._writers = (*writers, *BUILTIN)
        self._fields, self._pixel_size = fields, pixel_size
        self._visuals, self._suffix = visuals, suffix
        self.page = folder / PAGE
        make_folder(folder / IMAGES)
        remove_stale_files(folder)
        self._folder, self.files = folder, OwnFiles(folder)
        self.files.claim(PAGE)
        self._title, self._heading, self._facts = title, heading or title, dict(facts)
        self._replaced = False  # the results of an earlier test
        self._width, self._aspect_ratio = width, aspect_ratio
        self._names = ResultNames()
        self._writer = ImageWriter()
        self._rows: list[_Row] = []
        self._next_page = 0.0

    def remove_earlier(self) -> None:
        """Remove the results of an earlier test, once: when this one has results to show."""
        if not self._replaced:
            self._replaced = True
            self.files.remove()

    def show_measured(self, results: Mapping[str, Measured]) -> None:
        """Show metrics of all results among the facts of the page, with their intervals."""
        self._facts.update({name: described(measured) for name, measured in results.items()})

    def show_metrics(self, metrics: Mapping[str, float]) -> None:
        """Show metrics of the results among the facts of the page."""
        self._facts.update({name: f"{value:.4g}" for name, value in metrics.items()})

    def add(
        self, path: str, images: Mapping[str, Tensor], metrics: Mapping[str, float] = MappingProxyType({})
    ) -> dict[str, Path]:
        """Add the row of one input: its images (C×H×W or 1×C×H×W, in [-1, 1]) by label, in this order.

        - metrics: of this input, which are shown beside its name.

        Returns the files that are shown. Images of more than 8 bits, or with other channels than colours, are written
        beside them as a file of their own type, in the format of the input if that can hold it.
        """
        self.remove_earlier()
        images = self._chosen(images)
        name = self._names.name(path)
        paths = {label: f"{IMAGES}/{name}_{safe_name(label)}{self._suffix_of(label)}" for label in images}
        self.files.claim(PAGE, *paths.values())
        files = {label: self._folder / path for label, path in paths.items()}
        row = []
        for label, tensor in images.items():
            field = field_of(label, self._fields)
            image = to_saved_image(displayed(tensor, field))
            if field.kind == "labels" and tensor.shape[-3] == field.classes:
                classes = file_values(tensor, field)
                self._writer.queue(partial(save_classes, classes, files[label], palette_of(field)))
            else:
                self._writer.write(image, files[label], aspect_ratio=self._aspect_ratio)
                self._write_values(tensor, field, files[label], path)
            row.append(PageImage(label, paths[label], *stretched_size(image, self._aspect_ratio)))
        heading = tags.h2(visible(name), *(tags.small(f" {label} {value:.4g}") for label, value in metrics.items()))
        section = tags.section(heading, image_row(row, self._width))
        self._rows.append(_Row(rendered(section), list(files.values()), metrics))
        if time.monotonic() >= self._next_page:
            self._writer.flush()
            self._write_page()
        return files

    def _chosen(self, images: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The images to be written. Raises DataError where there are none."""
        chosen = {label: image for label, image in images.items() if not self._visuals or label in self._visuals}
        if not chosen:
            raise DataError(
                f"none of --visuals {', '.join(self._visuals)} is an image of this test: {', '.join(images)}."
            )
        return chosen

    def _suffix_of(self, label: str) -> str:
        return ".png" if field_of(label, self._fields).kind == "labels" else self._suffix

    def _write_values(self, tensor: Tensor, field: Field, shown: Path, source: str) -> None:
        """Write an image that the file which is shown does not hold."""
        if field.kind != "image" or (field.dtype == "uint8" and tensor.shape[-3] <= 3):
            return
        values = file_values(tensor, field)
        writer = writer_for(values, Path(source).suffix, self._writers)
        path = shown.with_suffix(writer.suffix)
        if path == shown:
            path = shown.with_name(f"{shown.stem}_values{writer.suffix}")
        self.files.claim(f"{IMAGES}/{path.name}")
        self._writer.queue(partial(save_values, values, path, writer, self._pixel_size(source)))

    def sort(self, metric: str, *, descending: bool) -> None:
        """Order the rows by a metric; those without it, or whose value is no number, come last."""
        sign = -1 if descending else 1

        def place(row: _Row) -> float:
            value = row.metrics.get(metric, math.nan)
            return math.inf if math.isnan(value) else sign * value

        self._rows.sort(key=place)

    def close(self) -> None:
        """Write the remaining files and the page, without rows whose files could not be written."""
        try:
            self._writer.close()
        finally:
            if self._rows:
                self._rows = [row for row in self._rows if all(file.exists() for file in row.files)]
                self._write_page()

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_page(self) -> None:
        start_time = time.monotonic()
        facts = {**self._facts, "inputs": f"{len(self._rows):,}"}
        sections = [row.section for row in self._rows]
        width = content_width((len(row.files) for row in self._rows), self._width)
        save_page(page(self._title, self._heading, facts, *sections, width=width), self.page)
        now = time.monotonic()
        self._next_page = now + max(MIN_PAGE_INTERVAL, PAGE_INTERVAL * (now - start_time))
