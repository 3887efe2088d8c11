"""Updates with non-finite gradients, which the updater skips: reported here, and acted on as `--nonfinite` says."""

import logging
from typing import Any

from torch import Tensor

from pixlate.errors import CheckpointError, DataError
from pixlate.models.base import BaseModel, Batch
from pixlate.plugins.run import Progress
from pixlate.util.text import counted, quoted

from .checkpoints.store import CheckpointStore

log = logging.getLogger(__name__)

MOST_NAMES = 4


class NonFiniteGuard:
    """Remembers the batches since the last log step, and whether their updates were skipped.

    Whether an update was skipped is a tensor on the device: it is copied after each step, which does not wait for
    the device, and read on log steps alone.

    - model: restored already: updates that its state counts as skipped belong to earlier batches.
    - reaction: "skip", "stop" or "rollback", the value of `--nonfinite`.
    """

    def __init__(self, model: BaseModel[Any], reaction: str) -> None:
        self._model = model
        self._reaction = reaction
        self._steps: list[tuple[list[str], Tensor]] = []
        self._skipped_before = float(model.updater.skipped)

    def step_ended(self, batch: Batch) -> None:
        """Remember a batch that was just trained on."""
        paths = [str(path) for key in ("A_paths", "B_paths") for path in batch.get(key, ())]
        self._steps.append((list(dict.fromkeys(paths)), self._model.updater.skipped.clone()))

    def check(self, progress: Progress, checkpoints: CheckpointStore) -> None:
        """On a log step: name the files of the skipped updates, and react. Raises DataError for "stop"."""
        steps, self._steps = self._steps, []
        before, self._skipped_before = self._skipped_before, 0.0
        count = self._model.updater.take_skipped()
        if not count:
            return
        message = (
            f"{counted(count, 'update')} before image {progress.images} had non-finite gradients and "
            f"{'was' if count == 1 else 'were'} skipped{_files_of_skipped(steps, before)}"
        )
        if self._reaction == "stop":
            raise DataError(f"{message}: try a smaller --lr, --clip_grad 1 or --precision fp32.")
        log.warning(f"{message}.")
        if self._reaction == "rollback":
            self._roll_back(checkpoints)

    def _roll_back(self, checkpoints: CheckpointStore) -> None:
        """Load the state that was saved last; the run's position stays where it is."""
        checkpoints.wait()
        try:
            state, _ = checkpoints.read()
        except CheckpointError:
            log.warning("There is no checkpoint to roll back to yet.")
            return
        self._model.load_state_dict(state["model"])
        self._skipped_before = float(self._model.updater.skipped)
        log.warning(f"Rolled back to the state of image {state['position']['images']}.")


def _files_of_skipped(steps: list[tuple[list[str], Tensor]], before: float) -> str:
    """The files of the batches after which the count of skipped updates is higher than before them."""
    paths = []
    for batch_paths, skipped in steps:
        after = float(skipped)
        if after > before:
            paths += batch_paths
        before = after
    more = " and more" if len(paths) > MOST_NAMES else ""
    return f" ({', '.join(map(quoted, paths[:MOST_NAMES]))}{more})" if paths else ""
