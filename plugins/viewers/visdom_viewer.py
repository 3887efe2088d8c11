"""The visdom viewer: loss curves and images in a browser, through a server that may start late or restart."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

import numpy as np
from torch import Tensor

from pixlate.data.field_values import displayed, field_of
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import HealthWarning, Progress, Run, Sample
from pixlate.util.image_io import ImageArray, to_image

from .history import History
from .loss_log import METRICS, values_of
from .plugin import VisdomOptions
from .visdom_server import Curves, Labels, Panel, VisdomServer

GAP = 2  # width in pixels of the white border of each image in a grid


class VisdomViewer:
    """Four windows, from `display_id` on: loss curves, the step's images, their labels, held-out images.

    Two more, for metrics and for warnings, appear with the first of them. The four have the numbers of the reference.
    A thread sends everything, so that a missing or slow server does not delay the training. With `display_ncols` 0
    each image of the step has its own window, instead of the grid and its labels.
    """

    def __init__(self, config: VisdomOptions) -> None:
        self._config = config
        self._server: VisdomServer | None = None
        self._history = History(1)
        self._metrics = History(1)
        self._warned = False
        self._width = 256

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Start the sending thread, and show the curves of earlier sessions."""
        # visdom is on by default, as in the reference: it is no error when it is not installed.
        if self._config.display_id <= 0 or find_spec("visdom") is None:
            return
        self._width = int(run.options.get("display_winsize", 256))
        self._history = History(run.epoch_size).read(run.folder, until=run.start.images)
        self._metrics = History(run.epoch_size, METRICS, values_of("metrics")).read(run.folder, run.start.images)
        config = self._config
        # A server at the usual address is used where it answers; who names none is not told that it does not.
        asked = config != VisdomOptions()
        self._server = VisdomServer(config.display_server, config.display_port, config.display_env, warn=asked)
        self._server.start()
        self._send_curves(run)

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Extend the curves."""
        if self._server is not None:
            self._history.add(progress.epoch, progress.epoch_images, losses)
            self._send_curves(run)

    @hookimpl
    def images_shown(self, run: Run, progress: Progress, images: Mapping[str, Tensor]) -> None:
        """Show the step's images."""
        if self._server is None:
            return
        arrays = {label: _shown(run, label, tensor) for label, tensor in images.items()}
        first = self._config.display_id + 1
        if self._config.display_ncols <= 0:
            for number, (label, array) in enumerate(arrays.items(), start=first):
                self._server.show(Panel(f"{number}", label, array, self._width))
            return
        columns = min(self._config.display_ncols, len(arrays))
        image = grid(list(arrays.values()), columns)
        panel = Panel(f"{first}", f"{run.name} images", image, self._width * columns)
        self._server.show(panel, labels=list(arrays), labels_window=f"{first + 1}", columns=columns)

    @hookimpl
    def samples_shown(self, run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
        """Show the translations of held-out samples, a row each."""
        if self._server is None or not samples:
            return
        rows = [[_shown(run, label, tensor) for label, tensor in sample.images.items()] for sample in samples]
        columns = max(len(row) for row in rows)
        # After the windows of the step's images: one for each where there is no grid.
        window = self._config.display_id + 3 + (len(samples[0].images) if self._config.display_ncols <= 0 else 0)
        image = grid([image for row in rows for image in row], columns)
        title = f"{run.name} held-out images: {', '.join(samples[0].images)}"
        self._server.show(Panel(f"{window}", title, image, self._width * columns))

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Extend the curves of the metrics."""
        if self._server is None:
            return
        self._metrics.add(progress.epoch, progress.epoch_images, metrics)
        lines = {name: curve.points() for name, curve in self._metrics.curves.items()}
        title = f"{run.name} metrics over time"
        self._server.draw(Curves(f"{self._config.display_id}-metrics", title, lines, quantity="metric"))

    @hookimpl
    def health_checked(self, run: Run, progress: Progress, warnings: Sequence[HealthWarning]) -> None:
        """Show the warnings; where there are none any more, say that."""
        if self._server is None or not (warnings or self._warned):
            return
        self._warned = True
        rows = [[warning.text, warning.advice] for warning in warnings] or [["no warnings"]]
        title = f"{run.name} health at {progress.images} images"
        self._server.tell(Labels(f"{self._config.display_id}-health", title, rows))

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Send the remaining windows, if a server answers."""
        if self._server is not None:
            self._server.close()

    def _send_curves(self, run: Run) -> None:
        if self._server is not None and self._history.curves:
            curves = self._history.curves.items()
            # A history counts completed epochs; the reference's x is the current epoch, from 1.
            lines = {name: [(x + 1, y) for x, y in curve.points()] for name, curve in curves}
            title = f"{run.name} loss over time"
            self._server.draw(Curves(f"{self._config.display_id}", title, lines))


def _shown(run: Run, label: str, tensor: Tensor) -> ImageArray:
    return to_image(displayed(tensor, field_of(label, run.fields)))


def grid(images: Sequence[ImageArray], columns: int) -> ImageArray:
    """A grid of images on white with `columns` columns; smaller images keep their size.

    torchvision's `make_grid` takes images of one size only, and with `--preprocess none` samples differ in size. No
    other module of a training imports torchvision, which takes about 2 s and 180 MB.
    """
    height = max(image.shape[0] for image in images) + 2 * GAP
    width = max(image.shape[1] for image in images) + 2 * GAP
    rows = -(-len(images) // columns)
    canvas = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * height + GAP, number % columns * width + GAP
        canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas
