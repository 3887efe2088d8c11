"""The lines of the reference's output that the console viewer does not print, for programs that read them."""

import logging
import sys

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import Progress, Run

log = logging.getLogger(__name__)


class ReferenceLines:
    """Logs the number of training images, and each epoch's learning rate; nothing where the output is a terminal."""

    def __init__(self) -> None:
        self._rate: float | None = None  # of the last epoch
        self._epoch = 0

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Log the number of images."""
        if _is_read_by_programs():
            log.info(f"The number of training images = {run.epoch_size}")

    @hookimpl
    def step_ended(self, run: Run, progress: Progress) -> None:
        """Log the learning rate after the first step of an epoch."""
        if progress.epoch == self._epoch:
            return
        self._epoch = progress.epoch
        optimizer = next(iter(run.model.optimizers.values()), None)
        if optimizer is not None and _is_read_by_programs():
            rate = float(optimizer.param_groups[0]["lr"])
            log.info(f"learning rate {rate if self._rate is None else self._rate:.7f} -> {rate:.7f}")
            self._rate = rate


def _is_read_by_programs() -> bool:
    return sys.stdout is not None and not sys.stdout.isatty()
