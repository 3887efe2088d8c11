"""Reports updates with non-finite gradients, which the updater skips, and reacts as `--nonfinite` says."""

import logging
import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor

from pixlate.errors import CheckpointError, DataError
from pixlate.models.base import BaseModel
from pixlate.models.batch import Batch
from pixlate.plugins.run import Progress
from pixlate.util.text import counted, quoted

from .checkpoints.store import CheckpointStore, has_state

log = logging.getLogger(__name__)

MAX_FILES = 4  # named in a message
MAX_STEPS = 1000  # whose files are remembered
HOPELESS = 100  # updates, all of them skipped, after which a run that learns nothing is stopped
START: Final = Progress()
ADVICE = "try a smaller --lr, --clip_grad 1 or --precision fp32"


class NonFiniteGuard:
    """Remembers the batches since the last log step, and whether their updates were skipped.

    The count of skipped updates is a tensor on the device. It is cloned there after each step, which does not wait
    for the device, and its value is read on log steps only.

    - model: new or already restored: what its state counts as skipped belongs to earlier batches.
    - reaction: "skip", "stop" or "rollback", the value of `--nonfinite`.
    - start: the position at which the training starts.
    """

    def __init__(self, model: BaseModel[Any], reaction: str, start: Progress = START) -> None:
        self._model = model
        self._reaction = reaction
        self._steps: deque[tuple[list[str], Tensor]] = deque()
        self._skipped_before: float | Tensor = float(model.updater.skipped)
        self._start_step = self._checked_step = start.step
        self._useless = 0  # updates without an applied one, up to now

    def step_ended(self, batch: Batch) -> None:
        """Remember a batch that was just trained on."""
        paths = [str(path) for key in ("A_paths", "B_paths") for path in batch.get(key, ())]
        self._steps.append((list(dict.fromkeys(paths)), self._model.updater.skipped.clone()))
        if len(self._steps) > MAX_STEPS:
            _, self._skipped_before = self._steps.popleft()

    def check(self, progress: Progress, checkpoints: CheckpointStore) -> None:
        """Called on log steps: names the files of the skipped updates, and reacts.

        Raises DataError for "stop", and where all of the last `HOPELESS` updates or more were skipped.
        """
        if not self._report(progress):
            return
        if self._useless >= HOPELESS:
            raise DataError(
                f"none of the last {self._useless} updates had finite gradients, so that the run learns nothing: "
                f"{ADVICE}."
            )
        if self._reaction == "rollback":
            self._roll_back(checkpoints)

    def finish(self, progress: Progress, losses: Mapping[str, Tensor]) -> None:
        """Called at the end of a training, with the last step's losses: reports the last steps.

        Raises DataError where no update was applied, or the losses are not finite any more.
        """
        self._report(progress)
        updates = progress.step - self._start_step
        if updates and self._useless == updates:
            raise DataError(
                f"the gradients of all updates ({updates}) were non-finite, so that the run has learnt nothing: "
                f"{ADVICE}."
            )
        broken = [name for name, loss in losses.items() if not math.isfinite(float(loss))]
        if broken:
            raise DataError(f"the training has ended with losses that are not finite ({', '.join(broken)}): {ADVICE}.")

    def _report(self, progress: Progress) -> int:
        """Warn about the updates that were skipped since the last report; their number. Raises DataError for "stop"."""
        steps, self._steps = list(self._steps), deque()
        skipped_before, self._skipped_before = float(self._skipped_before), 0.0
        count = self._model.updater.take_skipped()
        updates, self._checked_step = progress.step - self._checked_step, progress.step
        if count < updates * len(self._model.optimizers):
            self._useless = 0
        elif count:
            self._useless += updates
        if not count:
            return 0
        message = (
            f"{counted(count, 'update')} before image {progress.images} had non-finite gradients and "
            f"{'was' if count == 1 else 'were'} skipped{_files_of_skipped(steps, skipped_before)}"
        )
        if self._reaction == "stop":
            raise DataError(f"{message}: {ADVICE}.")
        log.warning(f"{message}.")
        return count

    def _roll_back(self, checkpoints: CheckpointStore) -> None:
        """Load the model from the last saved state; the run's position does not change."""
        checkpoints.wait()
        try:
            if not has_state(checkpoints.folder):
                log.warning("There is no checkpoint to roll back to yet.")
                return
            state, _ = checkpoints.read()
        except CheckpointError as error:
            log.warning(f"{error} Training continues without rolling back.")
            return
        checkpoints.load(state)
        self._skipped_before = float(self._model.updater.skipped)
        log.warning(f"Rolled back to the state of image {state['position']['images']}.")


def _files_of_skipped(steps: list[tuple[list[str], Tensor]], skipped_before: float) -> str:
    """The files of the batches that increased the count of skipped updates, in parentheses."""
    paths = []
    for batch_paths, skipped in steps:
        skipped_after = float(skipped)
        if skipped_after > skipped_before:
            paths += batch_paths
        skipped_before = skipped_after
    more = " and more" if len(paths) > MAX_FILES else ""
    return f" ({', '.join(map(quoted, paths[:MAX_FILES]))}{more})" if paths else ""
