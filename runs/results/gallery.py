"""The gallery of a test: image files, and a page with one row of images per input."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import NamedTuple

from torch import Tensor

from pixlate.data.field_values import displayed, field_of, file_values, palette_of
from pixlate.data.readers import PixelSize
from pixlate.data.writers import BUILTIN, Writer, save_classes, save_values, writer_for
from pixlate.errors import DataError
from pixlate.plugins.field import Field
from pixlate.util.files import make_folder
from pixlate.util.html import PageImage, save_page
from pixlate.util.image_io import ImageWriter, stretched_size, to_saved_image
from pixlate.util.owned import OwnFiles
from pixlate.util.stale_files import SUBFOLDERS, remove_stale_files
from pixlate.util.text import quoted

from .output_names import OutputNames
from .result_page import PageRow, ResultPage

PAGE, IMAGES = "index.html", "images"
# The page is rewritten after at least this many times the duration of writing it: at most 5 % of the time goes into it.
PAGE_INTERVAL = 20
MIN_PAGE_INTERVAL = 5.0  # seconds


class _Row(NamedTuple):
    """One input: its row of the page, and the files that are shown there."""

    row: PageRow
    files: list[Path]


class Gallery:
    """A folder with `index.html` and `images/<stem>_<label>.png`, or other names of `--output_template`.

    Image files are written in the background and the page every few seconds, so that an interrupted test leaves a page
    of the images that exist. Use it in a `with` block, which completes both. Raises DataError
    where a file cannot be written.

    `files` is the record of the files in the folder; `content` is what the page says.
    """

    def __init__(
        self,
        folder: Path,
        content: ResultPage,
        *,
        names: OutputNames | None = None,
        inputs: Iterable[Path] = (),
        aspect_ratio: float = 1.0,
        fields: Mapping[str, Field] = MappingProxyType({}),
        writers: Iterable[Writer] = (),
        pixel_size: Callable[[str], PixelSize | None] = lambda path: None,
        visuals: Collection[str] = (),
        suffix: str = ".png",
    ) -> None:
        """Create the folder, and remove temporary files of processes that were killed.

        The first result replaces those of an earlier test in the folder. Files that pixlate did not write stay; where
        one has the name of a result, there is a DataError. Inputs that lie in the folder are one too.

        - names: of the files of results; those of the reference unless given.
        - inputs: the files that are read, none of which may be replaced.
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
        self._folder, self.content, self.page = folder, content, folder / PAGE
        require_outside(inputs, folder)
        make_folder(folder / IMAGES)
        self.files = OwnFiles(folder)
        remove_stale_files(folder, {*SUBFOLDERS, *self.files.folders()})
        self.files.claim(PAGE)
        self._replaced = False  # the results of an earlier test
        self._aspect_ratio = aspect_ratio
        self._names = names or OutputNames()
        self._writer = ImageWriter()
        self._rows: list[_Row] = []
        self._next_page = 0.0

    def remove_earlier(self) -> None:
        """Remove the results of an earlier test, once: when this one has results to show."""
        if not self._replaced:
            self._replaced = True
            folders = self.files.folders()
            self.files.remove()
            for name in folders:
                with suppress(OSError):  # files of somebody else lie there
                    if name != IMAGES:
                        (self._folder / name).rmdir()

    def add(
        self, path: str, images: Mapping[str, Tensor], metrics: Mapping[str, float] = MappingProxyType({})
    ) -> dict[str, Path]:
        """Add the row of one input: its images (C×H×W or 1×C×H×W, in [-1, 1]) by label, in this order.

        - metrics: of this input, which are shown beside its name.

        Returns the files that are shown. Images of more than 8 bits, or with other channels than colours, are written
        beside them as a file of their own type, in the format of the input if that can hold it.
        """
        require_outside([Path(path)], self._folder)
        self.remove_earlier()
        images = self._chosen(images)
        names = self._names.names(path, list(images))
        paths = {label: f"{IMAGES}/{name}{self._suffix_of(label)}" for label, name in names.files.items()}
        self.files.claim(PAGE, *paths.values())
        files = {label: self._folder / path for label, path in paths.items()}
        for folder in {file.parent for file in files.values()}:
            make_folder(folder)
        shown = []
        for label, tensor in images.items():
            field = field_of(label, self._fields)
            image = to_saved_image(displayed(tensor, field))
            if field.kind == "labels" and tensor.shape[-3] == field.classes:
                classes = file_values(tensor, field)
                self._writer.queue(partial(save_classes, classes, files[label], palette_of(field)))
            else:
                self._writer.write(image, files[label], aspect_ratio=self._aspect_ratio)
                self._write_values(tensor, field, files[label], path)
            shown.append(PageImage(label, paths[label], *stretched_size(image, self._aspect_ratio)))
        row = self.content.row(len(self._rows), names.title, shown, metrics)
        self._rows.append(_Row(row, list(files.values())))
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
        self.files.claim(path.relative_to(self._folder).as_posix())
        self._writer.queue(partial(save_values, values, path, writer, self._pixel_size(source)))

    def sort(self, metric: str) -> None:
        """Order the rows by a metric, the worst first; those without it, or whose value is no number, come last."""
        order = self.content.sort([each.row for each in self._rows], metric)
        self._rows = [self._rows[position] for position in order]

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
        save_page(self.content.document([each.row for each in self._rows]), self.page)
        now = time.monotonic()
        self._next_page = now + max(MIN_PAGE_INTERVAL, PAGE_INTERVAL * (now - start_time))


def require_outside(inputs: Iterable[Path], folder: Path) -> None:
    """Raise DataError where an input lies, itself or by a link, in the folder of results, whose files are replaced."""
    real = Path(os.path.realpath(folder))
    parents: dict[Path, Path] = {}  # resolved once each: a data set has many files in few folders
    for path in inputs:
        if path.parent not in parents:
            parents[path.parent] = Path(os.path.realpath(path.parent))
        file = parents[path.parent] / path.name
        for place in (file, Path(os.path.realpath(file))) if file.is_symlink() else (file,):
            if place.is_relative_to(real):
                raise DataError(
                    f"the input {quoted(path)} lies in {quoted(folder)}, where a test replaces its results: choose "
                    "another --results_dir, or move the inputs."
                )
