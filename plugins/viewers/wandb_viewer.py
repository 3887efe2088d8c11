"""The Weights & Biases viewer: scalars and images in a project, or offline in the run's folder."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from pixlate.data.field_values import displayed, field_of
from pixlate.errors import OptionError
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import HealthWarning, Progress, Run, Sample
from pixlate.util.files import write_whole
from pixlate.util.image_io import to_image

from .alerts import Alerts
from .loss_log import learning_rates
from .plugin import WandbOptions

ID_FILE = "wandb_id.txt"


class WandbViewer:
    """Logs losses, learning rates, metrics, images and warnings; their step is the number of images seen.

    The run's id at Weights & Biases is stored in wandb_id.txt, so that a resumed training continues its curves.

    Raises OptionError when `--use_wandb` is given and wandb is not installed.
    """

    def __init__(self, config: WandbOptions) -> None:
        self._config = config
        self._run: Any = None
        self._image: Any = None
        self._alerts = Alerts()
        if config.use_wandb and find_spec("wandb") is None:
            raise OptionError("--use_wandb needs Weights & Biases: pip install 'pixlate[wandb]'.")

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Start a run, or resume the run of earlier sessions."""
        if not self._config.use_wandb:
            return
        import wandb  # an optional dependency, and slow to import

        id_file = run.folder / ID_FILE
        # A training from the start is a new run, even in the folder of an older one (--overwrite).
        run_id = id_file.read_text(encoding="utf-8").strip() if run.start.images and id_file.is_file() else None
        self._run = wandb.init(
            project=self._config.wandb_project_name,
            name=run.name,
            id=run_id,
            resume="allow",
            dir=run.folder,
            config=dict(run.options),
            settings=wandb.Settings(console="off", silent=True),  # the console viewer prints already
        )
        self._image = wandb.Image
        write_whole(id_file, f"{self._run.id}\n".encode())

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Log the losses under their own names, as the reference does, and the learning rates."""
        if self._run is not None:
            rates = {f"learning_rate/{name}": rate for name, rate in learning_rates(run).items()}
            self._log(progress, {**losses, **rates})

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Log the metrics."""
        self._log(progress, {f"metrics/{name}": value for name, value in metrics.items()})

    @hookimpl
    def images_shown(self, run: Run, progress: Progress, images: Mapping[str, Tensor]) -> None:
        """Log the step's images."""
        self._images(run, "results", progress, images)

    @hookimpl
    def samples_shown(self, run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
        """Log the translations of held-out samples."""
        for sample in samples:
            self._images(run, f"held-out/{sample.phase} {sample.name}", progress, sample.images)

    @hookimpl
    def health_checked(self, run: Run, progress: Progress, warnings: Sequence[HealthWarning]) -> None:
        """Raise an alert for each warning of a new kind; the run's summary has all of them as "health"."""
        if self._run is None:
            return
        for warning in self._alerts.new(warnings):
            self._run.alert(title=f"{run.name}: {warning.kind}", text=f"{warning.text} {warning.advice}", level="WARN")
        if warnings or self._run.summary.get("health"):
            self._run.summary["health"] = " ".join(warning.text for warning in warnings)

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Finish the run, as failed after an error."""
        if self._run is not None:
            self._run.finish(exit_code=0 if error is None else 1)
            self._run = None

    def _images(self, run: Run, group: str, progress: Progress, images: Mapping[str, Tensor]) -> None:
        if self._run is None:
            return
        values = {}
        for label, tensor in images.items():
            caption = f"{label} - Step {progress.images}"
            values[f"{group}/{label}"] = self._image(
                to_image(displayed(tensor, field_of(label, run.fields))), caption=caption
            )
        self._log(progress, values)

    def _log(self, progress: Progress, values: Mapping[str, Any]) -> None:
        if self._run is not None:
            # Several calls for one step are merged by wandb.
            self._run.log({**values, "epoch": progress.epoch}, step=progress.images)
