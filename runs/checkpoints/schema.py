"""The parts of a state that are not the model's: how they are written, and whether a file's can be believed."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pixlate.errors import CheckpointError
from pixlate.plugins.run import Progress

FORMAT = 1
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # becomes the beginning of a file's name


def as_saved(progress: Progress) -> dict[str, int]:
    """A position as a state keeps it."""
    return asdict(progress)


def check_state(state: dict[str, Any], path: Path) -> dict[str, Any]:
    """The same state. Raises CheckpointError when it is of a newer format, or no state of a run at all."""
    written = state.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise CheckpointError(f"'{path}' was written by a newer pixlate: install that one to go on.")
    if written != FORMAT or not _is_state(state):
        raise CheckpointError(f"'{path}' is not the state of a run.")
    return state


def _is_state(state: Mapping[str, Any]) -> bool:
    position, facts, logs, tags = (state.get(part) for part in ("position", "facts", "logs", "tags"))
    return (
        isinstance(state.get("model"), dict)
        and isinstance(position, dict)
        and set(position) == set(as_saved(Progress()))
        and all(_counts(value) for value in position.values())
        and position["epoch"] >= 1
        and isinstance(facts, dict)
        and all(isinstance(facts.get(part), dict) for part in ("data", "machine"))
        and isinstance(logs, dict)
        and all(_counts(size) for size in logs.values())
        and isinstance(tags, list)
        and all(isinstance(tag, str) and _TAG.fullmatch(tag) for tag in tags)
    )


def _counts(value: object) -> bool:
    return isinstance(value, int) and value >= 0
