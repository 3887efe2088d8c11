"""visdom: loss curves and pictures in a browser, from a server that may come and go."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from pixlate.runs.history import History
from pixlate.util.pictures import Picture, to_picture

from .hookspecs import hookimpl
from .viewer_options import VisdomOptions
from .visdom_server import Curves, Panel, VisdomServer

if TYPE_CHECKING:
    from pixlate.runs.progress import Progress, Sample
    from pixlate.runs.run import Run

GAP = 2  # white pixels around each picture of a grid


class VisdomViewer:
    """Four windows, from `display_id` on: loss curves, the step's pictures, their labels, pictures not trained on.

    Everything is sent from a thread of its own: a server that is missing or slow costs the training nothing.
    With `display_ncols` 0 every picture of the step has its own window instead of the grid and its labels.
    """

    def __init__(self, config: VisdomOptions) -> None:
        self._config = config
        self._server: VisdomServer | None = None
        self._history = History(1)
        self._width = 256

    @hookimpl
    def run_started(self, run: "Run") -> None:
        """Look for the server, and send the curves of earlier sessions."""
        if self._config.display_id <= 0 or find_spec("visdom") is None:
            return
        self._width = int(run.options.get("display_winsize", 256))
        self._history = History(run.epoch_size).read(run.folder, until=run.start.images)
        config = self._config
        self._server = VisdomServer(config.display_server, config.display_port, config.display_env)
        self._server.start()
        self._send_curves(run)

    @hookimpl
    def losses_logged(self, run: "Run", at: "Progress", losses: Mapping[str, float]) -> None:
        """Lengthen the curves."""
        if self._server is not None:
            self._history.add(at.epoch, at.epoch_images, losses)
            self._send_curves(run)

    @hookimpl
    def images_shown(self, run: "Run", at: "Progress", images: Mapping[str, Tensor]) -> None:
        """Show the step's pictures."""
        if self._server is None:
            return
        pictures = {label: to_picture(tensor) for label, tensor in images.items()}
        first = self._config.display_id + 1
        if self._config.display_ncols <= 0:
            for number, (label, picture) in enumerate(pictures.items(), start=first):
                self._server.show(Panel(f"{number}", label, picture, self._width))
            return
        columns = min(self._config.display_ncols, len(pictures))
        sheet = grid(list(pictures.values()), columns)
        panel = Panel(f"{first}", f"{run.name} images", sheet, self._width * columns)
        self._server.show(panel, labels=list(pictures), labels_window=f"{first + 1}", columns=columns)

    @hookimpl
    def samples_shown(self, run: "Run", at: "Progress", samples: "Sequence[Sample]") -> None:
        """Show what the model makes of pictures that it does not learn from, a row each."""
        if self._server is None or not samples:
            return
        rows = [[to_picture(tensor) for tensor in sample.images.values()] for sample in samples]
        columns = max(len(row) for row in rows)
        window = self._config.display_id + 3 + (len(samples[0].images) if self._config.display_ncols <= 0 else 0)
        picture = grid([picture for row in rows for picture in row], columns)
        title = f"{run.name} not trained on: {', '.join(samples[0].images)}"
        self._server.show(Panel(f"{window}", title, picture, self._width * columns))

    @hookimpl
    def run_finished(self, run: "Run", error: BaseException | None) -> None:
        """Send what is left, if somebody is listening."""
        if self._server is not None:
            self._server.close()

    def _send_curves(self, run: "Run") -> None:
        if self._server is not None and self._history.curves:
            curves = self._history.curves.items()
            lines = {name: [(x + 1, y) for x, y in curve.points()] for name, curve in curves}
            title = f"{run.name} loss over time"
            self._server.draw(Curves(f"{self._config.display_id}", title, lines))


def grid(pictures: Sequence[Picture], columns: int) -> Picture:
    """Pictures side by side on white, in rows of so many; smaller ones keep their size."""
    height = max(picture.shape[0] for picture in pictures) + 2 * GAP
    width = max(picture.shape[1] for picture in pictures) + 2 * GAP
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height + GAP, number % columns * width + GAP
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet
