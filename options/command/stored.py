"""options.json: the options of a run, which test.py and `--continue_train` read back."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixlate.errors import CheckpointError
from pixlate.plugins.field import Field
from pixlate.util.files import write_whole
from pixlate.util.foreign import foreign, read_small, reason
from pixlate.util.text import quoted

FILE = "options.json"
FORMAT = 1  # the version of its layout
GIVEN = ("command line", "config file")  # sources of options that the user chose
#: Options that say where a run is, not what it is.
PLACES = frozenset(
    {"name", "checkpoints_dir", "continue_train", "overwrite", "resume", "epoch_count", "epoch", "load_iter", "suffix"}
    | {"device", "gpu_ids", "num_threads", "cache", "cache_dir", "verbose", "display_id", "display_port", "display_env"}
    | {"print_freq", "display_freq", "html", "results_dir", "memory", "display_server", "display_ncols"}
)


@dataclass(frozen=True)
class StoredRun:
    """The content of options.json.

    - options, sources: the value and source of each option, by name.
    - components: by option, the name of the component and its plugin, distribution and version.
    - plugin_files: the digest of each plugin file, by path; environment: the machine fingerprint.
    - changes: one entry for each resume with other options: the images seen, and the changes.
    - value_ranges: the values that became black and white, by side, of images with more than 8 bits.
    - fields: the fields of the data, by name, as plain values.
    - is_listing: the options are from train_opt.txt, which states them without guarantee: flags may contradict them.
    """

    options: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)
    components: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plugin_files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    changes: Sequence[Mapping[str, Any]] = ()
    value_ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_listing: bool = False

    @property
    def given(self) -> frozenset[str]:
        """The names of the options that the user gave."""
        return frozenset(name for name, source in self.sources.items() if source in GIVEN)

    def read_fields(self) -> dict[str, Field]:
        """The fields of the data, by name."""
        return {name: Field.from_json(values) for name, values in self.fields.items()}


def read_stored(folder: Path) -> StoredRun | None:
    """The stored options of a run folder; None where it has none.

    Raises CheckpointError where they cannot be read, are damaged, or were written by a newer version.
    """
    path = folder / FILE
    try:
        content = read_small(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CheckpointError(f"{quoted(path)} cannot be read: {reason(error)}.") from error
    with foreign(
        lambda problem: CheckpointError(f"{quoted(path)} is damaged: {problem}. Delete it to use the default options.")
    ):
        return _stored_run(json.loads(content.decode("utf-8")), path)


def _stored_run(data: Mapping[str, Any], path: Path) -> StoredRun:
    """The content of options.json as a StoredRun. May raise anything for other content."""
    version = data.get("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise CheckpointError(f"{quoted(path)} was written by a newer version of pixlate: upgrade pixlate.")
    return StoredRun(
        dict(data["options"]),
        _texts(data.get("sources", {})),
        {option: _texts(component) for option, component in data.get("components", {}).items()},
        _texts(data.get("plugin_files", {})),
        dict(data.get("environment", {})),
        [dict(change) for change in data.get("changes", [])],
        {str(side): extremes(pair) for side, pair in data.get("value_ranges", {}).items()},
        {str(name): Field.from_json(values).to_json() for name, values in data.get("fields", {}).items()},
    )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def extremes(pair: Sequence[Any]) -> tuple[float, float]:
    """The lowest and the highest value of a stored range. May raise anything for what is none."""
    low, high = (float(value) for value in pair)
    if not -math.inf < low <= high < math.inf:
        raise ValueError(f"a value range is from {low} to {high}")
    return low, high


def write_stored(folder: Path, stored: StoredRun) -> None:
    """Write options.json atomically. Raises DataError when it cannot be written."""
    data = {
        "format": FORMAT,
        "options": dict(sorted(stored.options.items())),
        "sources": dict(sorted(stored.sources.items())),
        "components": dict(stored.components),
        "plugin_files": dict(stored.plugin_files),
        "environment": dict(stored.environment),
        "changes": list(stored.changes),
        **({"value_ranges": dict(stored.value_ranges)} if stored.value_ranges else {}),
        **({"fields": dict(stored.fields)} if stored.fields else {}),
    }
    # Durable: a checkpoint without the options that it was trained with could not be loaded.
    write_whole(folder / FILE, (json.dumps(data, indent=2) + "\n").encode(), durable=True)
