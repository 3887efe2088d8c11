"""The record of a folder of outputs: from what each was made, by which weights and options.

`provenance.jsonl` has a line of JSON for each translation and for each output. Lines are only ever added, so that a
killed translation loses none; of several about one output the last counts.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pixlate._version import __version__
from pixlate.errors import DataError
from pixlate.util.content import file_digest
from pixlate.util.files import cannot_write, open_regular
from pixlate.util.foreign import open_file, reason
from pixlate.util.owned import OwnFiles
from pixlate.util.text import quoted

from .outputs import PROVENANCE, Job

#: What is recorded of a file: its path, SHA-256, size and time.
Described = Mapping[str, Any]
_FREE = ("run", "epoch", "device", "license")  # facts that may differ where the weights and the options are the same


class Provenance:
    """The record of one translation into a folder, and of those before it.

    - facts: of the translation: "weights", a SHA-256 of them, and the options that its outputs depend on. "run",
      "epoch", "device" and "license" are recorded without being compared.
    - resume: outputs of the same facts and inputs count as made; existing files that no translation has made are
      refused. Without it an existing file is about to be replaced on request.

    May be used by several threads. Raises DataError where the record cannot be read or written.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any], *, resume: bool) -> None:
        self.path = folder / PROVENANCE
        self._files = OwnFiles(folder)
        self._resume = resume
        self._lock = threading.Lock()
        self._settings = settings_digest(facts)
        (self._files.claim if resume else self._files.record)(PROVENANCE)
        self._made = _read(self.path) if resume else {}
        self._append({"pixlate": __version__, "date": _now(), "settings": self._settings, **facts})

    def claim(self, names: Iterable[str]) -> None:
        """Record that outputs are about to be written. Raises DataError for a file that may not be replaced."""
        (self._files.claim if self._resume else self._files.record)(*names)

    def require_no_output(self, names: Iterable[str]) -> None:
        """Raise DataError where a file that is copied would replace an output of an earlier translation."""
        name = next((name for name in names if name in self._made), None)
        if name is not None:
            raise DataError(
                f"{quoted(self.path.parent / name)} is an output of an earlier translation, which a carried file would "
                "replace: choose another folder or pattern."
            )

    def is_made(self, job: Job, inputs: "Inputs") -> bool:
        """Whether an output is whole and was made from the same files by the same weights and options."""
        record = self._made.get(job.name)
        if record is None or record.get("settings") != self._settings:
            return False
        try:
            return (
                record["input"]["sha256"] == inputs.input["sha256"]
                and {name: file["sha256"] for name, file in record["companions"].items()} == inputs.digests()
                and job.path.stat().st_size == record.get("bytes")
                and file_digest(job.path) == record.get("sha256")
            )
        except (OSError, TypeError, KeyError, AttributeError):
            return False

    def add(self, job: Job, size: tuple[int, int], inputs: "Inputs", **more: Any) -> None:
        """Record an output that has been written.

        - size: its width and height; inputs: the files that it was made from, as they were before they were read.
        """
        record = {
            "output": job.name,
            "sha256": file_digest(job.path),
            "bytes": job.path.stat().st_size,
            "width": size[0],
            "height": size[1],
            "date": _now(),
            "settings": self._settings,
            "input": inputs.input,
            "companions": inputs.companions,
        }
        self._append({**record, **more})

    def _append(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=True, default=str).encode() + b"\n"
        with self._lock:
            try:
                descriptor = open_regular(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
                with os.fdopen(descriptor, "rb+", buffering=0) as file:
                    size = file.seek(0, os.SEEK_END)
                    file.seek(max(0, size - 1))
                    if file.read(1) not in (b"\n", b""):  # the rest of a line that a killed process wrote
                        line = b"\n" + line
                    file.write(line)
            except OSError as error:
                raise cannot_write(self.path, error) from error


class Inputs(NamedTuple):
    """The files that an output is made from: the input, and those beside it by name."""

    input: Described
    companions: Mapping[str, Described]

    @classmethod
    def of(cls, path: Path, companions: Mapping[str, Path]) -> "Inputs":
        """Describe them. Raises DataError where one cannot be read."""
        return cls(_described(path), {name: _described(file) for name, file in companions.items()})

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each companion, by name."""
        return {name: str(file["sha256"]) for name, file in self.companions.items()}


def settings_digest(facts: Mapping[str, Any]) -> str:
    """A SHA-256 of the facts of a translation that its outputs depend on."""
    compared = {name: value for name, value in facts.items() if name not in _FREE}
    return hashlib.sha256(json.dumps(compared, sort_keys=True, default=str).encode()).hexdigest()


def files_digest(path: Path, patterns: Iterable[str]) -> str:
    """A SHA-256 of a file, or of the files in a folder that match one of the patterns. Raises OSError."""
    files = sorted(file for pattern in patterns for file in path.glob(pattern)) if path.is_dir() else [path]
    return hashlib.sha256("".join(f"{file.name} {file_digest(file)}\n" for file in files).encode()).hexdigest()


def software(weights: str) -> str:
    """What a file says it was made by.

    - weights: the SHA-256 of the weights; empty where it is not known.
    """
    return f"pixlate {__version__}" + (f", weights sha256:{weights}" if weights else "")


def _described(path: Path) -> Described:
    try:
        status, sha256 = path.stat(), file_digest(path)
    except OSError as error:
        raise DataError(f"{quoted(path)} cannot be read: {reason(error)}.") from error
    return {"path": str(path), "sha256": sha256, "bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The last record of each output; lines that are none are ignored. Raises DataError."""
    made: dict[str, dict[str, Any]] = {}
    try:
        with open_file(path) as file:
            for line in file:
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict) and isinstance(record.get("output"), str):
                    made[record["output"]] = record
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{quoted(path)} cannot be read: {error.strerror or error}.") from error
    return made


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
