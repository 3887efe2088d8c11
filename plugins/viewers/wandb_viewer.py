"""Weights & Biases: scalars and images in a project, or offline in the run's folder."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from pixlate.errors import OptionError
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import Progress, Run, Sample
from pixlate.util.files import write_whole
from pixlate.util.image_io import to_image

from .options import WandbOptions

ID_FILE = "wandb_id.txt"


class WandbViewer:
    """Logs losses, metrics and images by images seen.

    The id of the run is kept in wandb_id.txt, so that a continued training continues its curves. Raises
    OptionError when it is asked for and not installed.
    """

    def __init__(self, config: WandbOptions) -> None:
        self._config = config
        self._run: Any = None
        self._image: Any = None
        if config.use_wandb and find_spec("wandb") is None:
            raise OptionError("--use_wandb needs Weights & Biases: pip install 'pixlate[wandb]'.")

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Open the run, anew or where the training goes on."""
        if not self._config.use_wandb:
            return
        import wandb

        kept = run.folder / ID_FILE
        known = kept.read_text(encoding="utf-8").strip() if run.start.images and kept.is_file() else None
        self._run = wandb.init(
            project=self._config.wandb_project_name,
            name=run.name,
            id=known,
            resume="allow",
            dir=run.folder,
            config=dict(run.options),
            settings=wandb.Settings(console="off", silent=True),
        )
        self._image = wandb.Image
        write_whole(kept, f"{self._run.id}\n".encode())

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Log the losses under their names."""
        self._log(progress, losses)

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Log what was measured."""
        self._log(progress, {f"metrics/{name}": value for name, value in metrics.items()})

    @hookimpl
    def images_shown(self, run: Run, progress: Progress, images: Mapping[str, Tensor]) -> None:
        """Log the step's images."""
        self._images("results", progress, images)

    @hookimpl
    def samples_shown(self, run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
        """Log what the model makes of images that it does not learn from."""
        for sample in samples:
            self._images(f"not trained on/{sample.phase} {sample.name}", progress, sample.images)

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Close the run, as failed after an error."""
        if self._run is not None:
            self._run.finish(exit_code=0 if error is None else 1)
            self._run = None

    def _images(self, group: str, progress: Progress, images: Mapping[str, Tensor]) -> None:
        if self._run is not None:
            self._log(
                progress,
                {
                    f"{group}/{label}": self._image(to_image(tensor), caption=f"{label} - Step {progress.images}")
                    for label, tensor in images.items()
                },
            )

    def _log(self, progress: Progress, values: Mapping[str, Any]) -> None:
        if self._run is not None:
            self._run.log({**values, "epoch": progress.epoch}, step=progress.images)
