"""The TensorBoard viewer: scalars and images in the run's folder tensorboard/."""

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from pixlate.data.field_values import displayed, field_of
from pixlate.errors import OptionError
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import HealthWarning, Progress, Run, Sample
from pixlate.util.image_io import to_image

from .loss_log import learning_rates
from .plugin import TensorBoardOptions


class TensorBoardViewer:
    """Writes scalars under loss/, learning_rate/ and metrics/, images under images/ and held-out/, warnings as the text
    health, all by the number of images seen; and the options as hyperparameters.

    Raises OptionError when `--tensorboard` is given and TensorBoard is not installed.
    """

    def __init__(self, config: TensorBoardOptions) -> None:
        self._config = config
        self._writer: Any = None
        self._measured: dict[str, float] = {}
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
        """Write the losses and the learning rates."""
        self._scalars("loss", progress, losses)
        if self._writer is not None:
            self._scalars("learning_rate", progress, learning_rates(run))

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Write the metrics."""
        self._scalars("metrics", progress, metrics)
        self._measured.update(metrics)

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
    def health_checked(self, run: Run, progress: Progress, warnings: Sequence[HealthWarning]) -> None:
        """Write the warnings as a text."""
        if self._writer is not None and warnings:
            lines = [f"- **{warning.kind}**: {warning.text} {warning.advice}" for warning in warnings]
            self._writer.add_text("health", "\n".join(lines), progress.images)

    @hookimpl
    def epoch_ended(self, run: Run, progress: Progress) -> None:
        """Flush the writer, so that TensorBoard shows the epoch."""
        if self._writer is not None:
            self._writer.flush()

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Write the options with the final metrics, as hyperparameters, and close the writer."""
        if self._writer is not None:
            self._write_options(run)
            self._writer.close()
            self._writer = None

    def _write_options(self, run: Run) -> None:
        """The summaries of `SummaryWriter.add_hparams`, which would write them to a folder of their own."""
        from torch.utils.tensorboard import summary

        hparams: Any = summary.hparams  # torch declares no types for it

        options = {
            name: value if isinstance(value, bool | int | float | str) else str(value)
            for name, value in run.options.items()
        }
        # The names alone: the values are those of the scalars.
        for part in hparams(options, {f"metrics/{name}": value for name, value in self._measured.items()}):
            self._writer.file_writer.add_summary(part)

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
