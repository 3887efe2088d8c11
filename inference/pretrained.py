"""A trained model as a folder to publish: weights as safetensors, and all else that loading needs as JSON.

    model.safetensors    the networks' tensors, "<network>.<tensor>": G.model.1.weight
    config.json          options of the architecture, fields, value ranges, direction, licence, origin of the data

Reading it executes nothing: neither file can hold code, and names in config.json choose among installed components.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pixlate._version import __version__
from pixlate.errors import CheckpointError, DataError
from pixlate.models.weights import SavedNetworks
from pixlate.options.command.stored import FILE as OPTIONS
from pixlate.options.command.stored import StoredRun, extremes
from pixlate.plugins.field import Field
from pixlate.util.content import file_digest
from pixlate.util.files import atomic_write, make_folder, write_whole
from pixlate.util.foreign import foreign, open_file, read_small, reason
from pixlate.util.optional import require_extra
from pixlate.util.text import quoted

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = 1  # the version of the layout of config.json
EXTRA = "hub"


def is_pretrained(folder: Path) -> bool:
    """Whether a folder is one of `save_pretrained`, and not a run's."""
    return all((folder / name).is_file() for name in (CONFIG, WEIGHTS)) and not (folder / OPTIONS).exists()


def save_pretrained(folder: Path, networks: Mapping[str, nn.Module], stored: StoredRun, digest: str) -> None:
    """Write a folder with the weights and the options of a trained model.

    - stored: the options, components, fields and value ranges to keep.
    - digest: of the weights.

    Raises OptionError where safetensors is not installed, DataError where the folder cannot be written, or holds a run
    or a config.json of another program.
    """
    if (folder / OPTIONS).exists() or ((folder / CONFIG).exists() and not _is_own(folder / CONFIG)):
        other = OPTIONS if (folder / OPTIONS).exists() else CONFIG
        raise DataError(f"{quoted(folder)} holds {quoted(other)} of something else: name a folder of its own.")
    require_extra("safetensors", EXTRA, "saving a model as safetensors")
    from safetensors.torch import save

    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous().clone()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
        if isinstance(value, Tensor)
    }
    make_folder(folder)
    data = save(tensors, metadata={"format": "pt", "pixlate": __version__})
    with atomic_write(folder / WEIGHTS, durable=True) as file:
        file.write(data)
    config = {
        "format": FORMAT,
        "pixlate": __version__,
        "networks": sorted(networks),
        "weights_sha256": digest,
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "options": dict(stored.options),
        "components": {option: dict(names) for option, names in stored.components.items() if option in stored.options},
        "fields": dict(stored.fields),
        "value_ranges": dict(stored.value_ranges),
    }
    # Last: without it the folder is none of a trained model, with it the weights are whole.
    write_whole(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode(), durable=True)


def read_pretrained(folder: Path) -> tuple[StoredRun, frozenset[str]]:
    """The options in a folder of `save_pretrained`, and the names of its networks. Raises CheckpointError."""
    path = folder / CONFIG
    try:
        content = read_small(path)
    except OSError as error:
        raise CheckpointError(f"{quoted(path)} cannot be read: {reason(error)}.") from error
    with foreign(lambda problem: CheckpointError(f"{quoted(path)} is not of a trained model: {problem}.")):
        data: Mapping[str, Any] = json.loads(content.decode("utf-8"))
        version = data["format"]
        if not isinstance(version, int) or version > FORMAT:
            raise CheckpointError(f"{quoted(path)} was written by a newer version of pixlate: upgrade pixlate.")
        stored = StoredRun(
            dict(data["options"]),
            components={
                str(option): {str(key): str(value) for key, value in names.items()}
                for option, names in data.get("components", {}).items()
            },
            value_ranges={str(side): extremes(pair) for side, pair in data["value_ranges"].items()},
            fields={str(name): Field.from_json(values).to_json() for name, values in data["fields"].items()},
        )
        return stored, frozenset(str(name) for name in data["networks"])


def _is_own(config: Path) -> bool:
    """Whether a config.json was written by `save_pretrained`."""
    try:
        read_pretrained(config.parent)
    except CheckpointError:
        return False
    return True


def pretrained_networks(folder: Path) -> SavedNetworks:
    """The weights in a folder of `save_pretrained`, which are compared with their checksum.

    Raises OptionError where safetensors is not installed, CheckpointError for weights that are not those of the
    config.json beside them.
    """
    require_extra("safetensors", EXTRA, f"loading {quoted(folder)}")
    expected = json.loads(read_small(folder / CONFIG)).get("file_sha256")
    try:
        found = file_digest(folder / WEIGHTS)
    except OSError as error:
        raise CheckpointError(f"{quoted(folder / WEIGHTS)} cannot be read: {reason(error)}.") from error
    if expected != found:
        raise CheckpointError(f"{quoted(folder / WEIGHTS)} is damaged: its checksum is not the one in {CONFIG}.")
    return SavedNetworks(lambda _: folder / WEIGHTS, _read_network)


def _read_network(path: Path, name: str, expected: Mapping[str, Tensor]) -> dict[str, Any]:
    from safetensors import safe_open

    prefix = f"{name}."
    try:
        open_file(path).close()  # refuses what is no regular file
    except OSError as error:
        raise CheckpointError(f"{quoted(path)} cannot be read: {reason(error)}.") from error
    with (
        foreign(lambda problem: CheckpointError(f"{quoted(path)} is damaged: {problem}.")),
        safe_open(path, framework="pt") as file,
    ):
        tensors = {key.removeprefix(prefix): file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118
    if not tensors:
        raise CheckpointError(f"{quoted(path)} has no network '{name}'.")
    return tensors
