"""The loss log: loss_log.txt for people, losses.jsonl and timing.jsonl for programs."""

import json
import time
from collections.abc import Mapping

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.run import Progress, Run, RunLog, Timing

from .history import LOSSES, strict_number


def loss_line(progress: Progress, timing: Timing, losses: Mapping[str, float]) -> str:
    """A line of loss_log.txt, in the form that scripts for the reference's log of 2018 to 2024 parse."""
    seconds = f"time: {timing.compute:.3f}, data: {timing.data:.3f}"
    values = "".join(f"{name}: {value:.3f} " for name, value in losses.items())
    return f"(epoch: {progress.epoch}, iters: {progress.epoch_images}, {seconds}) {values}"


class LossLog:
    """Writes every logged loss.

    losses.jsonl holds no clock values: two runs of the same options and seed write the same file, however
    often they were interrupted. What the clock says is in timing.jsonl.
    """

    def __init__(self, config: object = None) -> None:
        self._text: RunLog | None = None
        self._losses: RunLog | None = None
        self._timing: RunLog | None = None

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Open the logs and head the session."""
        self._text = run.open_log("loss_log.txt")
        self._losses = run.open_log(LOSSES)
        self._timing = run.open_log("timing.jsonl")
        self._text.write(f"================ Training Loss ({time.ctime()}) ================")

    @hookimpl
    def losses_logged(self, run: Run, progress: Progress, losses: Mapping[str, float]) -> None:
        """Write one line to each log."""
        if self._text is None or self._losses is None or self._timing is None:
            return
        timing = run.timing()
        where = {
            "epoch": progress.epoch,
            "epoch_images": progress.epoch_images,
            "images": progress.images,
            "step": progress.step,
        }
        values = {name: strict_number(float(value)) for name, value in losses.items()}
        clock = {"compute": timing.compute, "data": timing.data, "rate": timing.rate, "left": timing.left}
        numbers = {name: strict_number(value) for name, value in clock.items()}
        self._text.write(loss_line(progress, timing, losses))
        self._losses.write(json.dumps({**where, "losses": values}, allow_nan=False))
        self._timing.write(json.dumps({**where, "clock": time.time(), **numbers}, allow_nan=False))
