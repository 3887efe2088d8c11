"""The checkpoints of a run folder: the training state, and network files derived from it.

`latest_state.pt` holds everything; `<tag>_net_<name>.pth` are bare state_dicts for users and for the reference.
Files are written in the background, from a copy of the state. A save is complete when `finished` returns it; a run that
is killed before that resumes from the previous save.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from pixlate.errors import CheckpointError, DamagedError, DataError, PixlateError
from pixlate.models.base import BaseModel
from pixlate.models.tensor_files import cannot_read, read_tensors
from pixlate.plugins.run import Progress
from pixlate.util.foreign import exists, foreign
from pixlate.util.owned import OwnFiles
from pixlate.util.text import one_line, quoted

from .fit import misfit
from .state import Snapshot, check_state, network_files, new_state
from .state_file import link_state, read_state, set_aside, write_state, write_weights

STATE, PREVIOUS = "latest_state.pt", "previous_state.pt"
STATE_FILES = (STATE, PREVIOUS, f"{STATE}.sha256", f"{PREVIOUS}.sha256")


class Logs(Protocol):
    """The logs whose lengths are part of a state."""

    def sizes(self) -> Mapping[str, int]:
        """The length of each log in bytes, by file name, after all lines are written."""

    def sync(self) -> None:
        """Flush the logs to the disk; called from another thread."""


@dataclass(frozen=True)
class Saved:
    """The result of a save: its position in the run, the files that were written, and the error if it failed."""

    progress: Progress
    paths: list[Path] = field(default_factory=list)
    error: PixlateError | None = None


def state_name(tag: str) -> str:
    """The file of the state that is saved under a tag."""
    return f"{tag}_state.pt"


def has_state(folder: Path) -> bool:
    """Whether a run folder holds a training state. Raises CheckpointError where that cannot be known."""
    return _present(folder / STATE) or _present(folder / PREVIOUS)


class CheckpointStore:
    """Saves a model's state into one run folder, and restores it.

    - facts: the fingerprints of data and machine, stored in every state and compared on resume.
    - keep: the number of numbered checkpoints to keep, of epochs and of iterations each; 0 keeps all.
    - files: the record of the run's files, in which checkpoints are entered; by default that of the folder.
    """

    def __init__(
        self,
        folder: Path,
        model: BaseModel[Any],
        *,
        facts: Mapping[str, Any],
        keep: int = 0,
        files: OwnFiles | None = None,
    ) -> None:
        self.folder = folder
        self.model = model
        self.facts = dict(facts)
        self.keep = keep
        self.files = files or OwnFiles(folder)
        self._snapshot = Snapshot()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[Saved] | None = None
        self._finished: list[Saved] = []

    def save(self, progress: Progress, logs: Logs, *tags: str, with_state: Sequence[str] = ()) -> None:
        """Copy the current state, and write it in the background as the latest and under each further tag.

        - tags: for which the networks are written; with_state: for which the state is kept too.
        """
        self.wait()  # its copy of the state is about to be overwritten
        try:
            model = self._snapshot.take(self.model.state_dict())
            state = new_state(model, progress, facts=self.facts, log_sizes=logs.sizes(), tags=[*tags, *with_state])
        except (PixlateError, MemoryError, RuntimeError) as error:  # PyTorch raises RuntimeError when out of memory
            self._finished.append(_failed(progress, error))
        else:
            self._writing = self._worker.submit(self._write, progress, state, logs, with_state)

    def finished(self) -> list[Saved]:
        """The saves that have finished since the last call, oldest first."""
        if self._writing is not None and self._writing.done():
            self.wait()
        finished, self._finished = self._finished, []
        return finished

    def wait(self) -> None:
        """Wait for the save in progress, if any; `finished` returns its result."""
        if self._writing is not None:
            self._finished.append(self._writing.result())
            self._writing = None

    def close(self) -> None:
        """Wait for the last save and end the writing thread."""
        self.wait()
        self._worker.shutdown()

    def read(self) -> tuple[dict[str, Any], str]:
        """The latest state, or the previous one where the latest is missing or proven to be damaged.

        Also returns a warning if it is the previous one, else "". Raises CheckpointError where there is no whole state,
        and where the latest one cannot be read now, or not by this version: an older one must not take its place.
        """
        latest, previous = self.folder / STATE, self.folder / PREVIOUS
        try:
            if not _present(latest):
                raise DamagedError(f"{quoted(latest)} is missing.")
            return check_state(read_state(latest), latest), ""
        except DamagedError as error:
            if not _present(previous):
                raise
            try:
                state = check_state(read_state(previous), previous)
            except CheckpointError as previous_error:
                raise CheckpointError(f"{error} {previous_error} There is no older state to resume from.") from error
            images = state["position"]["images"]
            return state, f"{error} Resuming from the previous state, at {images} images."

    def read_tagged(self, tag: str) -> dict[str, Any] | None:
        """The state that was saved under a tag; None where there is none. Raises CheckpointError."""
        path = self.folder / state_name(tag)
        return check_state(read_state(path), path) if _present(path) else None

    def go_back(self, tag: str) -> None:
        """Make the state of a tag the latest one; the latest becomes the previous one. Raises DataError."""
        self.files.record(*STATE_FILES)
        if _present(self.folder / STATE):
            link_state(self.folder / STATE, self.folder / PREVIOUS)
        link_state(self.folder / state_name(tag), self.folder / STATE)

    def load(self, state: Mapping[str, Any]) -> None:
        """Load a state into the model. Raises CheckpointError for one that does not fit the model."""
        with foreign(self._unfitting):
            problem = misfit(self.model.state_dict(), state["model"])
            if problem:
                raise self._unfitting(problem)
            self.model.load_state_dict(state["model"])

    def restore(self, state: Mapping[str, Any], *, previous: bool = False) -> Progress:
        """Load a state into the model, and write its network files, which a killed process may not have completed.

        - previous: the state is the one before the latest; it becomes the latest, and a damaged latest one is renamed.

        Raises CheckpointError for a state that does not fit the model, DataError when files cannot be written.
        """
        self.load(state)
        if previous:  # otherwise the next save would keep the damaged one as the previous state
            self.files.record(*STATE_FILES)
            set_aside(self.folder / STATE)
            link_state(self.folder / PREVIOUS, self.folder / STATE)
        self._write_networks(state, only_changed=True)
        return Progress(**state["position"])

    def _unfitting(self, problem: str) -> CheckpointError:
        return CheckpointError(f"the state in {quoted(self.folder)} does not fit the model: {problem}.")

    def _write(self, progress: Progress, state: Mapping[str, Any], logs: Logs, with_state: Sequence[str]) -> Saved:
        names = [state_name(tag) for tag in with_state]
        try:
            self.files.record(*STATE_FILES, *names, *(f"{name}.sha256" for name in names))
            logs.sync()  # before the state, which must not count lines that a power failure could still lose
            write_state(self.folder / STATE, state, keep_as=self.folder / PREVIOUS)
            for name in names:
                link_state(self.folder / STATE, self.folder / name)
            paths = [self.folder / name for name in (STATE, *names)] + self._write_networks(state)
        except Exception as error:  # this is another thread: `finished` returns the error to the main thread
            return _failed(progress, error)
        return Saved(progress, paths)

    def _write_networks(self, state: Mapping[str, Any], *, only_changed: bool = False) -> list[Path]:
        """Write the files derived from a state, and remove the numbered ones that are no longer kept.

        `only_changed` leaves files that hold the state's weights as they are.
        """
        paths = []
        networks = dict(network_files(state))
        self.files.record(*networks)
        for name, weights in networks.items():
            if only_changed and _holds(self.folder / name, weights):
                continue
            write_weights(self.folder / name, weights)
            paths.append(self.folder / name)
        # Last, so that there are never fewer than `keep`; on resume again, because a kill may have come in between.
        if self.keep:
            self._prune()
        return paths

    def _prune(self) -> None:
        """Remove the run's oldest numbered checkpoints; those of epochs and of iterations are counted separately."""
        numbered: dict[str, dict[int, list[Path]]] = {}
        for path in self.folder.glob("*_net_*.pth"):
            match = re.match(r"(iter_)?(\d+)_net_", path.name)
            if match and path.name in self.files:
                numbered.setdefault(match[1] or "", {}).setdefault(int(match[2]), []).append(path)
        for checkpoints in numbered.values():
            for number in sorted(checkpoints)[: -self.keep]:
                for path in checkpoints[number]:
                    path.unlink(missing_ok=True)


def check_free_space(folder: Path, model: BaseModel[Any]) -> None:
    """Raise DataError when the disk has too little space for the files that exist while a state is written."""
    weights = sum(w.numel() * w.element_size() for net in model.networks.values() for w in net.parameters())
    present = sum(path.stat().st_size for path in (folder / STATE, folder / PREVIOUS) if path.exists())
    # Three states (latest, previous, the one being written), each of the weights and Adam's two moments, and the
    # network files: 3 · 3 + 1 times the weights.
    needed, free = 10 * weights - present, shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"'{folder}' has {free / 1e6:,.1f} MB free, and this run's checkpoints need about {needed / 1e6:,.1f} MB: "
            "free some space or choose another --checkpoints_dir."
        )


def _holds(path: Path, weights: Mapping[str, Tensor]) -> bool:
    """Whether a network file has exactly these tensors."""
    try:
        stored = read_tensors(path)
    except CheckpointError:
        return False
    return stored.keys() == weights.keys() and all(
        isinstance(value, Tensor) and value.dtype == weights[name].dtype and torch.equal(value, weights[name])
        for name, value in stored.items()
    )


def _present(path: Path) -> bool:
    """Whether there is a file. Raises CheckpointError where that cannot be known."""
    try:
        return exists(path)
    except OSError as error:
        raise cannot_read(path, error) from error


def _failed(progress: Progress, error: Exception) -> Saved:
    if isinstance(error, PixlateError):
        return Saved(progress, error=error)
    return Saved(progress, error=DataError(f"the run could not be saved: {one_line(error)}."))
