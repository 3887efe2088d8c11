"""The held-out images of all epochs in one place, under a slider; those of the newest epoch without JavaScript."""

import json

from dominate import tags
from dominate.dom_tag import dom_tag
from dominate.util import raw

from pixlate.util.html import GAP, address, image_row, visible
from pixlate.util.web import script

from .epoch_record import EpochRecord, ImageRow

#: In the address of an image, in place of the number of the epoch; an address holds no other "#".
EPOCH = "epoch#_"
SMALLEST = 160  # pixels of an image, where that lets more samples stand side by side
Addresses = tuple[str, ...]


class HeldOutViewer:
    """Collects which held-out images there are of which epochs.

    Of all epochs but the newest only the numbers are written into the page: the addresses of their images follow from
    those of the newest.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._epochs: dict[Addresses, dict[int, None]] = {}  # of each row of images
        self._newest = EpochRecord(0)

    def add(self, epoch: EpochRecord) -> None:
        """Add the held-out images of an epoch, or replace them."""
        if not epoch.unseen:
            return
        for row in epoch.unseen:
            self._epochs.setdefault(_addresses(row, epoch.number), {})[epoch.number] = None
        if epoch.number >= self._newest.number:
            self._newest = epoch

    def section(self) -> dom_tag | None:
        """The images of the newest epoch, with what held_out.js needs to show others; None before there are any."""
        rows = [(row, _addresses(row, self._newest.number)) for row in self._newest.unseen]
        if not rows:
            return None
        epochs = sorted({number for _, addresses in rows for number in self._epochs[addresses]})
        content = {
            "epochs": epochs,
            "rows": [
                {"images": addresses, "missing": [n for n in epochs if n not in self._epochs[addresses]]}
                for _, addresses in rows
            ],
        }
        return tags.section(
            tags.h2(f"held-out images, epoch {self._newest.number}"),
            _controls(),
            tags.div(*(self._sample(row) for row, _ in rows), cls="samples", style=self._style()),
            tags.script(raw(script("memory.js", "held_out.js"))),
            id="held-out",
            cls="held-out",
            data_content=json.dumps(content, separators=(",", ":")),
        )

    def _style(self) -> str:
        """All images of a sample side by side, and on large screens several samples."""
        widest = max(len(row.images) for row in self._newest.unseen)
        return f"--all: {max(1, widest)}; --sample: {widest * (min(self._width, SMALLEST) + GAP) - GAP}px"

    def _sample(self, row: ImageRow) -> dom_tag:
        heading = tags.h3(
            tags.b(visible(row.group.removeprefix("held-out images ").strip("()"))), " · " + visible(row.name)
        )
        return tags.div(heading, image_row(row.images, self._width), cls="sample")


def _addresses(row: ImageRow, epoch: int) -> Addresses:
    return tuple(address(image.file).replace(f"epoch{epoch:03d}_", EPOCH, 1) for image in row.images)


def _controls() -> dom_tag:
    return tags.div(
        tags.button("‹", type="button", name="back", aria_label="the epoch before"),
        tags.input_(type="range", min="0", step="1", aria_label="epoch"),
        tags.button("›", type="button", name="on", aria_label="the next epoch"),
        tags.output(),
        tags.label(tags.input_(type="checkbox"), "compare with the first"),
        cls="controls",
        hidden=True,
    )
