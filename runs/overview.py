"""What is known of the runs in a folder, from their files alone: options, position, metrics, and how runs differ."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixlate.errors import CheckpointError, DataError
from pixlate.options.command.stored import PLACES, read_stored
from pixlate.util.files import is_running
from pixlate.util.foreign import foreign, open_file
from pixlate.util.locks import holder
from pixlate.util.text import quoted

from .folder import LOCK

VALIDATION, LOSSES = "validation.jsonl", "losses.jsonl"  # in a run's folder: a line for each
TAIL = 1 << 16  # bytes at the end of a log that are read for its last line
MAX_LOG = 1 << 26  # bytes of a log that are read


@dataclass(frozen=True)
class Summary:
    """One run.

    - options: as they are stored; None where they cannot be read, and `problem` says why; given: the names of those
      that the user gave.
    - epoch, n_epochs: the last epoch whose losses were logged, and the last of the schedule; images: seen until then.
    - metrics: the last of each metric of its validations; best: the best, with the epoch of it.
    - changed: when its logs were last written, in seconds since 1970.
    - state: "training", "finished" or "stopped"; empty where it is not known.
    """

    name: str
    folder: Path
    options: Mapping[str, Any] | None
    given: frozenset[str] = frozenset()
    problem: str = ""
    epoch: int = 0
    n_epochs: int = 0
    images: int = 0
    metrics: Mapping[str, float] | None = None
    best: Mapping[str, tuple[float, int]] | None = None
    changed: float = 0.0
    state: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        best = {name: {"value": value, "epoch": epoch} for name, (value, epoch) in (self.best or {}).items()}
        return {
            **self.__dict__,
            "folder": str(self.folder),
            "given": sorted(self.given),
            "metrics": dict(self.metrics or {}),
            "best": best,
        }


def summaries(folder: Path, higher_is_better: Mapping[str, bool]) -> list[Summary]:
    """The runs in a folder, by name. Raises DataError where there is no such folder.

    - higher_is_better: of metrics by name; smaller values are better for others.
    """
    if not folder.is_dir():
        raise DataError(f"{quoted(folder)} is no folder of runs.")
    places = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = [summary(path, higher_is_better) for path in places]
    return [each for each in found if each is not None]


def summary(folder: Path, higher_is_better: Mapping[str, bool]) -> Summary | None:
    """What is known of a run; None for a folder that is none."""
    try:
        stored = read_stored(folder)
    except CheckpointError as error:
        return Summary(folder.name, folder, None, problem=str(error))
    if stored is None:
        return Summary(folder.name, folder, {}, problem="weights alone") if any(folder.glob("*_net_*.pth")) else None
    options = stored.options
    last = _last_record(folder / LOSSES)
    validations = read_records(folder / VALIDATION)
    n_epochs = sum(_whole(options.get(name)) for name in ("n_epochs", "n_epochs_decay"))
    logs = [path for path in (folder / LOSSES, folder / VALIDATION) if path.is_file()]
    return Summary(
        folder.name,
        folder,
        options,
        stored.given,
        epoch=_whole(last.get("epoch")),
        n_epochs=n_epochs,
        images=_whole(last.get("images")),
        metrics=_values(validations[-1]) if validations else {},
        best=_best(validations, higher_is_better),
        changed=max((path.stat().st_mtime for path in logs), default=folder.stat().st_mtime),
        state=_state(folder, n_epochs),
    )


def _state(folder: Path, n_epochs: int) -> str:
    process = holder(folder / LOCK)
    # On other systems the number does not tell whether the process is running.
    if os.name == "posix" and process.isdigit() and is_running(process):
        return "training"
    return "finished" if any(folder.glob(f"{n_epochs}_net_*.pth")) else "stopped"


def differences(runs: Sequence[Summary]) -> dict[str, list[Any]]:
    """The options that somebody gave and in which runs differ, with the value of each run.

    Options that say where a run is are left out.
    """
    known = [run.options or {} for run in runs]
    names = sorted(frozenset().union(*(run.given for run in runs)) - PLACES)
    values = {name: [options.get(name) for options in known] for name in names}
    return {name: found for name, found in values.items() if any(value != found[0] for value in found)}


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records of a file of JSON lines, damaged ones left out; empty where there is no such file."""
    with suppress(OSError), open_file(path) as file:
        return _records(file.read(MAX_LOG))
    return []


def measured_before(path: Path) -> list[dict[str, float]]:
    """The metrics of each validation in a log, in order."""
    return [_values(record) for record in read_records(path)]


def _last_record(path: Path) -> dict[str, Any]:
    with suppress(OSError), open_file(path) as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        records = _records(file.read(TAIL))
        return records[-1] if records else {}
    return {}


def _records(content: bytes) -> list[dict[str, Any]]:
    found = []
    for line in content.decode("utf-8", "replace").splitlines():
        with suppress(DataError), foreign(DataError):
            record = json.loads(line)
            if isinstance(record, dict):
                found.append(record)
    return found


def _values(record: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a record that are numbers."""
    with suppress(DataError), foreign(DataError):
        return {str(name): float(value) for name, value in record.get("metrics", {}).items()}
    return {}


def _best(records: Sequence[Mapping[str, Any]], higher_is_better: Mapping[str, bool]) -> dict[str, tuple[float, int]]:
    best: dict[str, tuple[float, int]] = {}
    for record in records:
        for name, value in _values(record).items():
            sign = 1 if higher_is_better.get(name) else -1
            if value == value and (name not in best or sign * value > sign * best[name][0]):
                best[name] = value, _whole(record.get("epoch"))
    return best


def _whole(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**63 else 0
