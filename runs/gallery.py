"""The page of a test's results: one row of images per input, written beside their files."""

import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType

from dominate import tags
from dominate.dom_tag import dom_tag
from torch import Tensor

from pixlate.util.files import make_folder
from pixlate.util.html import PageImage, content_width, image_row, page, rendered, save_page, visible
from pixlate.util.image_io import ImageWriter, stretched_size, to_image
from pixlate.util.names import ResultNames, safe_name

from .folder import remove_stale_files

PAUSE = 20  # between two writings of the page, in multiples of the time that one takes: at most 5 % goes into them


class Gallery:
    """A folder with `index.html` and `images/<stem>_<label>.png`.

    Files are written in the background and the page every few seconds, so that after an interruption it lists
    what exists; use it in a `with` block, which finishes both. Raises DataError where they cannot be written.
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
    ) -> None:
        """Open a gallery.

        - title: of the page, "Experiment = facades, Phase = test, Epoch = latest".
        - heading: at the top of the page; the title where empty.
        - facts: how the images were computed, shown under the heading.
        - width: of an image on the page, in pixels.
        - aspect_ratio: saved images are stretched to this height : width.
        """
        self.page = folder / "index.html"
        self._images = make_folder(folder / "images")
        remove_stale_files(folder)
        self._title, self._heading, self._facts = title, heading or title, facts
        self._width, self._aspect_ratio = width, aspect_ratio
        self._names = ResultNames()
        self._writer = ImageWriter()
        self._rows: list[tuple[dom_tag, list[Path]]] = []
        self._next_page = 0.0

    def add(self, path: str, images: Mapping[str, Tensor]) -> dict[str, Path]:
        """Add the row of one input: its images (C×H×W or 1×C×H×W, in [-1, 1]) by label, in this order.

        Returns the files that the images are written to.
        """
        name = self._names.name(path)
        shown, files = [], {}
        for label, tensor in images.items():
            file = files[label] = self._images / f"{name}_{safe_name(label)}.png"
            image = to_image(tensor)
            self._writer.write(image, file, aspect_ratio=self._aspect_ratio)
            size = stretched_size(image, self._aspect_ratio)
            shown.append(PageImage(label, f"images/{file.name}", *size))
        section = tags.section(tags.h2(visible(name)), image_row(shown, self._width))
        self._rows.append((rendered(section), list(files.values())))
        if time.monotonic() >= self._next_page:
            self._writer.flush()
            self._write_page()
        return files

    def close(self) -> None:
        """Finish all files and the page, which leaves out rows whose files could not be written."""
        try:
            self._writer.close()
        finally:
            self._rows = [row for row in self._rows if all(file.exists() for file in row[1])]
            self._write_page()

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_page(self) -> None:
        began = time.monotonic()
        facts = {**self._facts, "inputs": f"{len(self._rows):,}"}
        sections = [section for section, _ in self._rows]
        width = content_width((len(files) for _, files in self._rows), self._width)
        save_page(page(self._title, self._heading, facts, *sections, width=width), self.page)
        now = time.monotonic()
        self._next_page = now + max(5.0, PAUSE * (now - began))
