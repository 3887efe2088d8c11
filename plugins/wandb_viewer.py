"""Weights & Biases: scalars and pictures in a project, or offline in the run's folder."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pixlate.errors import OptionError
from pixlate.util.files import write_whole
from pixlate.util.pictures import to_picture

from .hookspecs import hookimpl
from .viewer_options import WandbOptions

if TYPE_CHECKING:
    from pixlate.runs.progress import Progress, Sample
    from pixlate.runs.run import Run

ID_FILE = "wandb_id.txt"


class WandbViewer:
    """Logs losses, metrics and pictures by images seen.

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
    def run_started(self, run: "Run") -> None:
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
    def losses_logged(self, run: "Run", at: "Progress", losses: Mapping[str, float]) -> None:
        """Log the losses under their names."""
        self._log(at, losses)

    @hookimpl
    def metrics_measured(self, run: "Run", at: "Progress", metrics: Mapping[str, float]) -> None:
        """Log what was measured."""
        self._log(at, {f"metrics/{name}": value for name, value in metrics.items()})

    @hookimpl
    def images_shown(self, run: "Run", at: "Progress", images: Mapping[str, Tensor]) -> None:
        """Log the step's pictures."""
        self._pictures("results", at, images)

    @hookimpl
    def samples_shown(self, run: "Run", at: "Progress", samples: "Sequence[Sample]") -> None:
        """Log what the model makes of pictures that it does not learn from."""
        for sample in samples:
            self._pictures(f"not trained on/{sample.phase} {sample.name}", at, sample.images)

    @hookimpl
    def run_finished(self, run: "Run", error: BaseException | None) -> None:
        """Close the run, as failed after an error."""
        if self._run is not None:
            self._run.finish(exit_code=0 if error is None else 1)
            self._run = None

    def _pictures(self, group: str, at: "Progress", images: Mapping[str, Tensor]) -> None:
        if self._run is not None:
            self._log(
                at,
                {
                    f"{group}/{label}": self._image(to_picture(tensor), caption=f"{label} - Step {at.images}")
                    for label, tensor in images.items()
                },
            )

    def _log(self, at: "Progress", values: Mapping[str, Any]) -> None:
        if self._run is not None:
            self._run.log({**values, "epoch": at.epoch}, step=at.images)
