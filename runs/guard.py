"""What happens when an update's gradients are not finite: it was not applied; say so, stop, or go back."""

import logging
from typing import Any

from torch import Tensor

from pixlate.errors import CheckpointError, DataError
from pixlate.models.base import BaseModel, Batch
from pixlate.plugins.run import Progress
from pixlate.runs.checkpoints.checkpoints import Checkpoints
from pixlate.util.text import shown

log = logging.getLogger(__name__)


class Guard:
    """Remembers the batches since the last log step, and whether their updates were applied, without waiting."""

    def __init__(self, model: BaseModel[Any], reaction: str) -> None:
        self._model = model
        self._reaction = reaction
        self._steps: list[tuple[list[str], Tensor]] = []
        self._before = 0.0

    def resume(self) -> None:
        """Take note that the updates which the model's state counts as left out belong to an earlier session."""
        self._before = float(self._model.updater.skipped)

    def note(self, batch: Batch) -> None:
        """Remember a batch that was just trained on."""
        paths = [str(path) for key in ("A_paths", "B_paths") for path in batch.get(key, ())]
        self._steps.append((list(dict.fromkeys(paths)), self._model.updater.skipped.clone()))

    def check(self, progress: Progress, checkpoints: Checkpoints) -> None:
        """On a log step: name the files of the updates that were left out, and react as `--nonfinite` says.

        Raises DataError for "stop".
        """
        steps, self._steps = self._steps, []
        before, self._before = self._before, 0.0
        count = self._model.updater.take_skipped()
        if not count:
            return
        line = f"{count} updates before image {progress.images} had gradients that are not finite and were left out"
        line += _named(steps, before)
        if self._reaction == "stop":
            raise DataError(f"{line}: try a smaller --lr, --clip_grad 1 or --precision fp32.")
        log.warning(line)
        if self._reaction == "rollback":
            self._go_back(checkpoints)

    def _go_back(self, checkpoints: Checkpoints) -> None:
        checkpoints.wait()
        try:
            state, _ = checkpoints.read()
        except CheckpointError:
            log.warning("nothing was saved yet to go back to")
            return
        self._model.load_state_dict(state["model"])
        self.resume()
        log.warning(f"Went back to the weights of image {state['position']['images']}.")


def _named(steps: list[tuple[list[str], Tensor]], before: float) -> str:
    names = []
    for paths, skipped in steps:
        now = float(skipped)
        names += paths if now > before else []
        before = now
    return f" ({', '.join(map(shown, names[:4]))}{' and more' if len(names) > 4 else ''})" if names else ""
