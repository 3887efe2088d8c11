"""Saving and restoring a run: the state first, then the files derived from it.

`latest_state.pt` holds everything; `<tag>_net_<name>.pth` are bare state_dicts for users and for the reference.
Writing happens in the background, from a copy taken at the step that asked for it. A save is done when `ended`
tells so; until then a run that is killed goes on from the one before.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixlate.errors import CheckpointError, DataError, PixlateError
from pixlate.models.base import BaseModel
from pixlate.plugins.run import Progress
from pixlate.util.files import cannot_write
from pixlate.util.text import one_line

from .schema import FORMAT, as_saved, check_state
from .snapshot import Snapshot
from .state_file import read_state, second_name, write_state, write_weights

STATE, PREVIOUS = "latest_state.pt", "previous_state.pt"


@dataclass(frozen=True)
class Saved:
    """How a save ended: where in the run it was taken, the files that were written, and what went wrong if anything."""

    progress: Progress
    paths: list[Path] = field(default_factory=list)
    error: PixlateError | None = None


class Checkpoints:
    """The checkpoints of one run folder."""

    def __init__(
        self,
        folder: Path,
        model: BaseModel[Any],
        *,
        facts: Mapping[str, Any],
        keep: int = 0,
        before_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """`facts` are kept in every state and compared on resume; `keep` > 0 limits the numbered checkpoints.

        `before_commit` puts on the disk, in the background, what must be there before a state is.
        """
        self.folder = folder
        self.model = model
        self.facts = dict(facts)
        self.keep = keep
        self._before_commit = before_commit
        self._snapshot = Snapshot()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[Saved] | None = None
        self._ended: list[Saved] = []

    def save(self, progress: Progress, log_sizes: Callable[[], Mapping[str, int]], *tags: str) -> None:
        """Copy the state as it is now and write it soon: as the latest, and under each further tag."""
        self.wait()
        try:
            state = {
                "format": FORMAT,
                "position": as_saved(progress),
                "facts": self.facts,
                "logs": dict(log_sizes()),
                "tags": list(tags),
                "ranks": [{}],
                "model": self._snapshot.take(self.model.state_dict()),
            }
        except (PixlateError, MemoryError, RuntimeError) as error:  # PyTorch's lack of memory is a RuntimeError
            self._ended.append(_failed(progress, error))
        else:
            self._writing = self._worker.submit(self._write, progress, state)

    def ended(self) -> list[Saved]:
        """The saves that have ended since this was last asked, oldest first."""
        if self._writing is not None and self._writing.done():
            self.wait()
        ended, self._ended = self._ended, []
        return ended

    def wait(self) -> None:
        """Wait for the save under way, if any; how it ended is told by `ended`."""
        if self._writing is not None:
            self._ended.append(self._writing.result())
            self._writing = None

    def close(self) -> None:
        """Wait for the last save and end the writing thread."""
        self.wait()
        self._worker.shutdown()

    def exists(self) -> bool:
        """Whether anything was saved here."""
        return (self.folder / STATE).exists() or (self.folder / PREVIOUS).exists()

    def read(self) -> tuple[dict[str, Any], str]:
        """The newest whole state, and a sentence where it is not the latest. Raises CheckpointError."""
        try:
            return check_state(read_state(self.folder / STATE), self.folder / STATE), ""
        except CheckpointError as error:
            if not (self.folder / PREVIOUS).exists():
                raise
            try:
                state = check_state(read_state(self.folder / PREVIOUS), self.folder / PREVIOUS)
            except CheckpointError as second:
                raise CheckpointError(f"{error} {second} There is no older state to go on from.") from error
            seen = state["position"]["images"]
            return state, f"{error} Going on from the state before it, at {seen} images."

    def restore(self, state: Mapping[str, Any], *, fallback: bool = False) -> Progress:
        """Load a state into the model and write the files derived from it, which a kill may have prevented.

        `fallback` says that it is the one before the latest, whose place it then takes. Raises CheckpointError.
        """
        try:
            self.model.load_state_dict(state["model"])
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
            raise CheckpointError(
                f"the state in '{self.folder}' does not fit the model: {str(error).splitlines()[0]}."
            ) from error
        if fallback:
            try:
                second_name(self.folder / PREVIOUS, self.folder / STATE)
            except OSError as error:
                raise cannot_write(self.folder / STATE, error) from error
        self._derive(state)
        return Progress(**state["position"])

    def _write(self, progress: Progress, state: dict[str, Any]) -> Saved:
        try:
            self._before_commit()
            write_state(self.folder / STATE, state, keep_as=self.folder / PREVIOUS)
            written = [self.folder / STATE, *self._derive(state)]
            if self.keep:
                self._prune()
        except Exception as error:  # in another thread: kept until the run asks
            return _failed(progress, error)
        return Saved(progress, written)

    def _derive(self, state: Mapping[str, Any]) -> list[Path]:
        """Write the network files of a state."""
        written = []
        for tag in ("latest", *state["tags"]):
            for name, weights in _network_files(state["model"], tag):
                write_weights(self.folder / name, weights)
                written.append(self.folder / name)
        return written

    def _prune(self) -> None:
        numbered: dict[tuple[str, int], list[Path]] = {}
        for path in self.folder.glob("*_net_*.pth"):
            match = re.match(r"(iter_)?(\d+)_net_", path.name)
            if match:
                numbered.setdefault((match[1] or "", int(match[2])), []).append(path)
        for prefix in {kind for kind, _ in numbered}:
            for key in sorted(key for key in numbered if key[0] == prefix)[: -self.keep]:
                for path in numbered[key]:
                    path.unlink(missing_ok=True)


def _failed(progress: Progress, error: Exception) -> Saved:
    if isinstance(error, PixlateError):
        return Saved(progress, error=error)
    return Saved(progress, error=DataError(f"the run could not be saved: {one_line(error)}."))


def _network_files(model: Mapping[str, Any], tag: str) -> list[tuple[str, Mapping[str, Any]]]:
    files = [(f"{tag}_net_{name}.pth", weights) for name, weights in model["networks"].items()]
    return files + [(f"{tag}_net_{name}_ema.pth", weights) for name, weights in model["ema"].items()]


def check_space(folder: Path, model: BaseModel[Any]) -> None:
    """Raise DataError when the disk has no room for the states that lie side by side while one is written."""
    weights = sum(w.numel() * w.element_size() for net in model.networks.values() for w in net.parameters())
    there = sum(path.stat().st_size for path in {folder / STATE, folder / PREVIOUS} if path.exists())
    needed, free = 10 * weights - there, shutil.disk_usage(folder).free  # three states of weights and two moments
    if free < needed:
        raise DataError(
            f"'{folder}' has {free / 1e6:,.1f} MB free, and this run's checkpoints need about {needed / 1e6:,.1f} MB: "
            "free some space or choose another --checkpoints_dir."
        )
