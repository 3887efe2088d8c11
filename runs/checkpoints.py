"""Saving and restoring a run: the state first, then the files derived from it.

`latest_state.pt` holds everything; `<tag>_net_<name>.pth` are bare state_dicts for users and for the reference.
Writing happens in the background, from a copy taken at the step that asked for it.
"""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixlate.errors import CheckpointError, DataError
from pixlate.models.base import BaseModel

from .progress import Progress
from .state import read_state, write_state, write_weights

STATE, PREVIOUS = "latest_state.pt", "previous_state.pt"
FORMAT = 1


class Checkpoints:
    """The checkpoints of one run folder."""

    def __init__(self, folder: Path, model: BaseModel[Any], *, facts: Mapping[str, Any], keep: int = 0) -> None:
        """`facts` are kept in every state and compared on resume; `keep` > 0 limits the numbered checkpoints."""
        self.folder = folder
        self.model = model
        self.facts = dict(facts)
        self.keep = keep
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[list[Path]] | None = None
        self._saved_at = Progress()
        self._derived: tuple[str, ...] = ()

    def save(self, at: Progress, log_sizes: Mapping[str, int], *tags: str) -> None:
        """Copy the state as it is now and write it soon: as the latest, and under each further tag."""
        self.wait()
        state = {
            "format": FORMAT,
            "position": {
                "epoch": at.epoch,
                "epoch_images": at.epoch_images,
                "images": at.images,
                "step": at.step,
            },
            "facts": self.facts,
            "logs": dict(log_sizes),
            "tags": list(tags),
            "ranks": [{}],
            "model": _copied(self.model.state_dict()),
        }
        self._saved_at = at
        self._writing = self._worker.submit(self._write, state)

    def finished(self) -> tuple[Progress, list[Path]] | None:
        """The position and files of a save that reached the disk since last asked. Raises DataError if it failed."""
        if self._writing is None or not self._writing.done():
            return None
        writing, self._writing = self._writing, None
        return self._saved_at, writing.result()

    def wait(self) -> None:
        """Wait for the save under way, if any; its outcome stays for `finished`."""
        if self._writing is not None:
            self._writing.exception()

    def close(self) -> None:
        """Wait for the last save and end the writing thread."""
        self._worker.shutdown()

    def exists(self) -> bool:
        """Whether anything was saved here."""
        return (self.folder / STATE).exists() or (self.folder / PREVIOUS).exists()

    def read(self) -> tuple[dict[str, Any], str]:
        """The newest whole state, and a sentence where it is not the latest. Raises CheckpointError."""
        try:
            return read_state(self.folder / STATE), ""
        except CheckpointError as error:
            if not (self.folder / PREVIOUS).exists():
                raise
            state = read_state(self.folder / PREVIOUS)
            return (
                state,
                f"{error} Going on from the state before it, at {state['position']['images']} pictures.",
            )

    def restore(self, state: Mapping[str, Any]) -> Progress:
        """Load a state into the model and complete the files derived from it. Raises CheckpointError."""
        try:
            self.model.load_state_dict(state["model"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            first = str(error).splitlines()[0]
            raise CheckpointError(f"the state in '{self.folder}' does not fit the model: {first}") from error
        self._derive(state)
        return Progress(**state["position"])

    def _write(self, state: dict[str, Any]) -> list[Path]:
        write_state(self.folder / STATE, state, keep_as=self.folder / PREVIOUS)
        written = [self.folder / STATE, *self._derive(state, anew=True)]
        if self.keep:
            self._prune()
        return written

    def _derive(self, state: Mapping[str, Any], *, anew: bool = False) -> list[Path]:
        """Write the network files of a state; those that are there and younger than it only when told."""
        age = 0 if anew else (self.folder / STATE).stat().st_mtime_ns if (self.folder / STATE).exists() else 0
        written = []
        for tag in ("latest", *state["tags"]):
            for name, weights in _network_files(state["model"], tag):
                path = self.folder / name
                if anew or not path.exists() or path.stat().st_mtime_ns < age:
                    write_weights(path, weights)
                    written.append(path)
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


def _network_files(model: Mapping[str, Any], tag: str) -> list[tuple[str, Mapping[str, Any]]]:
    files = [(f"{tag}_net_{name}.pth", weights) for name, weights in model["networks"].items()]
    return files + [(f"{tag}_net_{name}_ema.pth", weights) for name, weights in model["ema"].items()]


def _copied(value: Any) -> Any:
    """The same value with every tensor copied to the CPU, contiguous, each by itself."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    if isinstance(value, Mapping):
        return {key: _copied(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(part) for part in value)
    return value


def check_space(folder: Path, model: BaseModel[Any]) -> None:
    """Raise DataError when the disk has no room for two states and their network files."""
    import shutil

    weights = sum(w.numel() * w.element_size() for net in model.networks.values() for w in net.parameters())
    needed, free = 2 * 4 * weights, shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"'{folder}' has {free / 1e9:.1f} GB free, and this run's checkpoints need about {needed / 1e9:.1f} GB: "
            "free some space or choose another --checkpoints_dir."
        )


def tags_of(folder: Path) -> Sequence[str]:
    """The checkpoints that a folder holds: latest, 5, 10, iter_5000, …"""
    found = {path.name.split("_net_")[0] for path in folder.glob("*_net_*.pth")}
    return sorted(found, key=lambda tag: (not tag.isdigit(), int(tag) if tag.isdigit() else 0, tag))
