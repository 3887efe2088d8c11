"""The TensorBoard viewer: scalars and images in the run's folder tensorboard/."""

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from pixlate.data.field_values import displayed, field_of
from pixlate.errors import OptionError
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import Progress, Run, Sample
from pixlate.util.image_io import to_image

from .plugin import TensorBoardOptions


class TensorBoardViewer:
    """Writes scalars under loss/ and metrics/, images under images/ and held-out/, by the number of images seen.

    Raises OptionError when `--tensorboard` is given and TensorBoard is not installed.
    """

    def __init__(self, config: TensorBoardOptions) -> None:
        self._config = config
        self._writer: Any = None
        if config.tensorboard and find_spec("tensorboard") is None:
            raise OptionError("--tensorboard needs TensorBoard: pip install 'pixlate[tensorboard]'.")

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Open the writer; events that an interrupted session wrote after its last checkpoint are discarded."""
        if not self._config.tensorboard:
            return
        with warnings.catch_warnings():  # TensorBoard's imports use deprecated functions
            warnings.simplefilter("ignore", DeprecationWarning)
            from torch.utils.tensorboard import SummaryWriter
        self._writer = SummaryWriter(run.folder / "tensorboard", purge_step=run.start.images + 1)

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Write the losses."""
        self._scalars("loss", progress, losses)

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Write the metrics."""
        self._scalars("metrics", progress, metrics)

    @hookimpl
    def images_shown(self, run: Run, progress: Progress, images: Mapping[str, Tensor]) -> None:
        """Write the step's images."""
        self._images(run, "images", progress, images)

    @hookimpl
    def samples_shown(self, run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
        """Write the translations of held-out samples."""
        for sample in samples:
            self._images(run, f"held-out/{sample.phase} {sample.name}", progress, sample.images)

    @hookimpl
    def epoch_ended(self, run: Run, progress: Progress) -> None:
        """Flush the writer, so that TensorBoard shows the epoch."""
        if self._writer is not None:
            self._writer.flush()

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Close the writer."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _scalars(self, group: str, progress: Progress, values: Mapping[str, float]) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, progress.images)

    def _images(self, run: Run, group: str, progress: Progress, images: Mapping[str, Tensor]) -> None:
        if self._writer is not None:
            for label, tensor in images.items():
                self._writer.add_image(
                    f"{group}/{label}",
                    to_image(displayed(tensor, field_of(label, run.fields))),
                    progress.images,
                    dataformats="HWC",
                )
