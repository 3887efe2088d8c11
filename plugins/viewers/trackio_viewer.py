"""The trackio viewer: scalars, images and warnings in a SQLite database beside the runs."""

import io
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor

from pixlate.data.field_values import displayed, field_of
from pixlate.errors import OptionError
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import HealthWarning, Progress, Run, Sample
from pixlate.util.image_io import to_image
from pixlate.util.text import quoted

from .alerts import Alerts
from .loss_log import learning_rates
from .plugin import TrackioOptions

log = logging.getLogger(__name__)

FOLDER = ".trackio"  # beside the runs, so that one dashboard shows all of them
FOLDER_VARIABLE = "TRACKIO_DIR"
ELSEWHERE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")  # variables by which a user has trackio send everything there


class TrackioViewer:
    """Logs losses, learning rates, metrics, images and warnings; their step is the number of images seen.

    The database is in the folder that the environment variable TRACKIO_DIR names, else in .trackio beside the runs. A
    resumed training continues its run of trackio. Nothing is sent anywhere, unless variables of trackio say so.

    Raises OptionError when `--trackio` is given and trackio is not installed.
    """

    def __init__(self, config: TrackioOptions) -> None:
        self._config = config
        self._trackio: Any = None
        self._run: Any = None
        self._alerts = Alerts()
        if config.trackio and find_spec("trackio") is None:
            raise OptionError("--trackio needs trackio: pip install 'pixlate[trackio]'.")

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Start a run, or continue the run of earlier sessions."""
        if not self._config.trackio:
            return
        self._trackio = _imported(run.folder.parent / FOLDER)
        with _quiet(), _no_requests():
            self._run = self._trackio.init(
                project=self._config.trackio_project,
                name=run.name,
                config=dict(run.options),
                # A training from the start is a new run, even in the folder of an older one (--overwrite).
                resume="allow" if run.start.images else "never",
                embed=False,  # in a notebook it would start a server
                auto_log_cpu=False,
                auto_log_gpu=False,
            )
        folder = self._trackio.utils.TRACKIO_DIR
        if not any(os.environ.get(name) for name in ELSEWHERE):
            log.info(f"trackio logs to {quoted(folder)}: TRACKIO_DIR={quoted(folder)} trackio show")

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Log the losses and the learning rates."""
        if self._run is not None:
            rates = {f"learning_rate/{name}": rate for name, rate in learning_rates(run).items()}
            self._log(progress, {**{f"loss/{name}": value for name, value in losses.items()}, **rates})

    @hookimpl
    def metrics_measured(self, run: Run, progress: Progress, metrics: Mapping[str, float]) -> None:
        """Log the metrics."""
        self._log(progress, {f"metrics/{name}": value for name, value in metrics.items()})

    @hookimpl
    def images_shown(self, run: Run, progress: Progress, images: Mapping[str, Tensor]) -> None:
        """Log the step's images."""
        self._images(run, "images", progress, images)

    @hookimpl
    def samples_shown(self, run: Run, progress: Progress, samples: Sequence[Sample]) -> None:
        """Log the translations of held-out samples."""
        for sample in samples:
            self._images(run, f"held-out/{sample.phase} {sample.name}", progress, sample.images)

    @hookimpl
    def health_checked(self, run: Run, progress: Progress, warnings: Sequence[HealthWarning]) -> None:
        """Raise an alert for each warning of a new kind."""
        for warning in self._alerts.new(warnings) if self._run is not None else ():
            text, level = f"{warning.text} {warning.advice}", self._trackio.AlertLevel.WARN
            with _quiet():  # it prints the alert, in colours
                self._run.alert(warning.kind, text, level, step=progress.images)

    @hookimpl
    def run_finished(self, run: Run, error: BaseException | None) -> None:
        """Write what is left, and finish the run."""
        if self._run is not None:
            with _quiet():
                self._trackio.finish()
            self._run = None

    def _images(self, run: Run, group: str, progress: Progress, images: Mapping[str, Tensor]) -> None:
        if self._run is None:
            return
        shown = {label: to_image(displayed(image, field_of(label, run.fields))) for label, image in images.items()}
        values = {f"{group}/{label}": self._trackio.Image(image, caption=label) for label, image in shown.items()}
        self._log(progress, values)

    def _log(self, progress: Progress, values: Mapping[str, Any]) -> None:
        if self._run is not None:
            self._run.log({**values, "epoch": progress.epoch}, step=progress.images)


def _imported(folder: Path) -> Any:
    """trackio, which is slow to import, and fixes its folder for the whole process when it is."""
    before = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = before or str(folder.absolute())
    try:
        import trackio
    finally:
        if before is None:
            del os.environ[FOLDER_VARIABLE]
    return trackio


@contextmanager
def _quiet() -> Iterator[None]:
    """Within this block nothing is printed: the console viewer prints already, and may have a live line."""
    with redirect_stdout(io.StringIO()):
        yield


@contextmanager
def _no_requests() -> Iterator[None]:
    """Within this block trackio does not ask a server for the user's name, as it does where there is an account."""
    from huggingface_hub import constants  # a dependency of trackio

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not any(os.environ.get(name) for name in ELSEWHERE)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
