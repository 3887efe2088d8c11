"""`--init_from [NET=]PATH`: the networks of a new run start from the weights of another run, or of files."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from pixlate.errors import CheckpointError, OptionError
from pixlate.models.base import BaseModel
from pixlate.models.weights import checkpoint_tags, load_weights
from pixlate.util.text import either, quoted

TAG = "latest"  # of a run; the weights of another epoch are named by their files


def load_initial_weights(model: BaseModel[Any], sources: Iterable[str], runs: Path) -> list[str]:
    """Load the weights that `--init_from` names; of two for one network, the later. Returns a line for each network.

    - sources: "PATH" or "NET=PATH", where PATH is a run's folder, the name of a run, or a weights file.
    - runs: the folder of runs, for names.

    Every tensor of a network must fit. Raises CheckpointError for weights that are missing or do not fit, OptionError
    for a network that the model does not have.
    """
    files: dict[str, Path] = {}
    for source in sources:
        files |= _files_of(source, model.networks, runs)
    for name, path in files.items():
        try:
            load_weights(model.networks[name], path, name)
        except CheckpointError as error:
            raise CheckpointError(
                f"network {name} cannot start from it: {error} Give the options that its weights need, or name only "
                f"the networks that fit, as in --init_from {_a_generator(model.networks)}={path}."
            ) from error
    if files:
        model.restart_averages()
    return [
        f"[Network {name}] starts from {quoted(files[name]) if name in files else 'new weights'}"
        for name in (model.networks if files else ())
    ]


def _files_of(source: str, networks: Mapping[str, nn.Module], runs: Path) -> dict[str, Path]:
    """The file for each network that one `--init_from` is about."""
    name, equals, text = source.partition("=")
    if not (equals and name in networks):
        name, text = "", source
        named = re.fullmatch(r"(\w+)=(.+)", source)
        if named and not Path(source).exists():
            raise OptionError(f"--init_from {source}: the model has no network '{named[1]}', only {_all(networks)}.")
    path = Path(text).expanduser()
    if not path.exists() and (runs / text).is_dir():
        path = runs / text
    if path.is_dir():
        return _files_of_run(path, name, networks)
    if not path.exists():
        raise CheckpointError(f"--init_from {source}: there is no run or weights file {quoted(path)}.")
    return {name or _network_of(path, networks): path}


def _files_of_run(folder: Path, name: str, networks: Mapping[str, nn.Module]) -> dict[str, Path]:
    if name:  # the network of that name, else the one of its kind, as the folders of published generators have
        kind = name.split("_")[0]
        paths = [path for key in (name, kind) if (path := _file(folder, key)).is_file()]
        files = {name: paths[0]} if paths else {}
    else:
        files = {key: path for key in networks if (path := _file(folder, key)).is_file()}
    if files:
        return files
    others = sorted(path.name for path in folder.glob(f"{TAG}_net_*.pth"))
    if others:
        advice = f"choose a network for one of them, as in --init_from {_a_generator(networks)}={folder / others[0]}"
        raise CheckpointError(
            f"{quoted(folder)} has {', '.join(others)}, and the model has {_all(networks)}: {advice}."
        )
    tags = checkpoint_tags(folder)
    advice = f"; of {either(tags)} name the files" if tags else ""
    raise CheckpointError(f"{quoted(folder)} has no weights '{TAG}_net_*.pth' to start from{advice}.")


def _network_of(path: Path, networks: Mapping[str, nn.Module]) -> str:
    """The network of a file named as in a run's folder; otherwise the model's only generator."""
    match = re.search(r"_net_(\w+?)(_ema)?\.pth$", path.name)
    if match and match[1] in networks:
        return match[1]
    generators = [name for name in networks if name.startswith("G")]
    if len(generators) == 1:
        return generators[0]
    raise OptionError(
        f"--init_from {path}: the model has {_all(networks)}, so name the network, as in --init_from "
        f"{_a_generator(networks)}={path}."
    )


def _file(folder: Path, network: str) -> Path:
    return folder / f"{TAG}_net_{network}.pth"


def _all(networks: Mapping[str, nn.Module]) -> str:
    return ", ".join(networks)


def _a_generator(networks: Mapping[str, nn.Module]) -> str:
    return next((name for name in networks if name.startswith("G")), next(iter(networks)))
