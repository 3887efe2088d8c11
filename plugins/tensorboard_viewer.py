"""TensorBoard: scalars and pictures in the run's folder tensorboard/."""

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pixlate.errors import OptionError
from pixlate.util.pictures import to_picture

from .hookspecs import hookimpl
from .viewer_options import TensorBoardOptions

if TYPE_CHECKING:
    from pixlate.runs.progress import Progress, Sample
    from pixlate.runs.run import Run


class TensorBoardViewer:
    """Writes scalars under loss/ and metrics/, pictures under images/ and "not trained on"/, by images seen.

    Raises OptionError when it is asked for and not installed.
    """

    def __init__(self, config: TensorBoardOptions) -> None:
        self._config = config
        self._writer: Any = None
        if config.tensorboard and find_spec("tensorboard") is None:
            raise OptionError("--tensorboard needs TensorBoard: pip install 'pixlate[tensorboard]'.")

    @hookimpl
    def run_started(self, run: "Run") -> None:
        """Open the writer; what an interrupted session wrote beyond the saved state is not shown any more."""
        if not self._config.tensorboard:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from torch.utils.tensorboard import SummaryWriter
        self._writer = SummaryWriter(run.folder / "tensorboard", purge_step=run.start.images + 1)

    @hookimpl
    def losses_logged(self, run: "Run", at: "Progress", losses: Mapping[str, float]) -> None:
        """Write the losses."""
        self._scalars("loss", at, losses)

    @hookimpl
    def metrics_measured(self, run: "Run", at: "Progress", metrics: Mapping[str, float]) -> None:
        """Write what was measured."""
        self._scalars("metrics", at, metrics)

    @hookimpl
    def images_shown(self, run: "Run", at: "Progress", images: Mapping[str, Tensor]) -> None:
        """Write the step's pictures."""
        self._pictures("images", at, images)

    @hookimpl
    def samples_shown(self, run: "Run", at: "Progress", samples: "Sequence[Sample]") -> None:
        """Write what the model makes of pictures that it does not learn from."""
        for sample in samples:
            self._pictures(f"not trained on/{sample.phase} {sample.name}", at, sample.images)

    @hookimpl
    def epoch_ended(self, run: "Run", at: "Progress") -> None:
        """Put everything on the disk."""
        if self._writer is not None:
            self._writer.flush()

    @hookimpl
    def run_finished(self, run: "Run", error: BaseException | None) -> None:
        """Close the writer."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _scalars(self, group: str, at: "Progress", values: Mapping[str, float]) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, at.images)

    def _pictures(self, group: str, at: "Progress", images: Mapping[str, Tensor]) -> None:
        if self._writer is not None:
            for label, tensor in images.items():
                self._writer.add_image(f"{group}/{label}", to_picture(tensor), at.images, dataformats="HWC")
