"""Network files, `<tag>_net_<name>.pth`: finding them, comparing them with networks, and loading them.

Each holds one bare state_dict, as in the reference; other programs' files may wrap it, see `state_dicts`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pixlate.errors import CheckpointError, OptionError
from pixlate.options.fields import is_tag
from pixlate.util.foreign import exists
from pixlate.util.text import quoted, shown

from .base import BaseModel
from .networks.architecture import describe_mismatch, infer_generator
from .state_dicts import find_state_dict, fit
from .tensor_files import cannot_read, read_tensors


class SavedNetworks:
    """The network files of one checkpoint: compared with a model's networks before they are built, then loaded.

    A network of other options than those that the weights had could have any size: options.json says what it likes.

    - find: the file of a network, by the network's name. Raises CheckpointError where there is none.
    - read: the tensors of a network in its file, from the path, the network's name and its state_dict; by default
      `read_weights`.
    """

    def __init__(
        self,
        find: Callable[[str], Path],
        read: Callable[[Path, str, Mapping[str, Tensor]], dict[str, Any]] | None = None,
    ) -> None:
        self._find, self._read_network = find, read or read_weights
        self._read: dict[str, tuple[Path, dict[str, Any]]] = {}

    def check(self, name: str, network: nn.Module) -> None:
        """Raise CheckpointError if a network's file is unusable or does not fit; for `ModelContext.check`.

        - network: may be on the meta device.
        """
        expected = network.state_dict()
        path, weights = self._content(name, expected)
        fitting(weights, expected, path)

    def file(self, name: str) -> Path:
        """The file of a network. Raises CheckpointError where there is none."""
        return self._find(name)

    def load(self, model: BaseModel[Any]) -> None:
        """Load each network's file. Raises CheckpointError if it is unusable or does not fit."""
        for name, network in model.networks.items():
            expected = network.state_dict()
            path, weights = self._content(name, expected)
            del self._read[name]  # so that no more than one network is in memory twice
            network.load_state_dict(fitting(weights, expected, path))

    def _content(self, name: str, expected: Mapping[str, Tensor]) -> tuple[Path, dict[str, Any]]:
        if name not in self._read:
            path = self._find(name)
            self._read[name] = path, self._read_network(path, name, expected)
        return self._read[name]


def saved_networks(folder: Path, tag: str, *, use_ema: bool = False) -> SavedNetworks:
    """The files `<tag>_net_<name>.pth` of a run's folder.

    With `use_ema`, `<tag>_net_<name>_ema.pth` is preferred where it exists. Raises OptionError if `tag` is no tag.
    """
    check_tag(tag)

    def find(name: str) -> Path:
        if not is_tag(name):  # it may end with --model_suffix
            raise OptionError(f"{shown(name)!r} is no network's name: a --model_suffix is '_A' or '_B', say.")
        names = [f"{tag}_net_{name}_ema.pth"] if use_ema else []
        for path in (folder / file for file in (*names, f"{tag}_net_{name}.pth")):
            try:
                if exists(path):
                    return path
            except OSError as error:
                raise cannot_read(path, error) from error
        raise CheckpointError(_explain_missing(folder, tag, name))

    return SavedNetworks(find)


def check_tag(tag: str) -> None:
    """Raise OptionError for what cannot be the tag of a checkpoint, such as a path."""
    if not is_tag(tag):
        raise OptionError(f"{shown(tag)!r} is no checkpoint's tag: give latest, the number of an epoch, or iter_<N>.")


def load_weights(network: nn.Module, path: Path, name: str = "G") -> None:
    """Load a file with one network's weights, of pixlate, of the reference or of another program, into a network.

    - name: the network's name, which chooses where the file holds several networks.

    Raises CheckpointError if the file cannot be read, or if its tensors do not fit the network.
    """
    expected = network.state_dict()
    network.load_state_dict(fitting(read_weights(path, name, expected), expected, path))


def read_weights(path: Path, name: str = "G", expected: Mapping[str, Tensor] | None = None) -> dict[str, Any]:
    """The state_dict of one network in a file, without the wrappers and prefixes of other programs.

    - name: the network's name, which chooses where the file holds several.
    - expected: the state_dict of the network to load; a file with exactly its names is taken as it is.

    Raises CheckpointError if the file cannot be read, or has no such network.
    """
    content = read_tensors(path)
    if expected is not None and content.keys() == expected.keys():
        return content
    try:
        return find_state_dict(content, name)
    except CheckpointError as error:
        raise CheckpointError(f"{quoted(path)} cannot be used: {error}") from None


def fitting(weights: Mapping[str, Any], expected: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """The content of a network file as a network takes it. Raises CheckpointError if its tensors do not fit.

    - expected: the network's state_dict, which may be on the meta device.
    """
    weights = fit(weights, expected)
    if {key: _kind(value) for key, value in expected.items()} != {key: _kind(value) for key, value in weights.items()}:
        raise CheckpointError(f"{quoted(path)} does not fit: {_explain_difference(expected, weights)}")
    return weights


def checkpoint_tags(folder: Path) -> list[str]:
    """The tags of the network files in a folder, epochs first: 5, 10, iter_5000, latest."""
    tags = {path.name.split("_net_")[0] for path in folder.glob("*_net_*.pth")}
    return sorted(tags, key=lambda tag: (not tag.isdigit(), int(tag) if tag.isdigit() else 0, tag))


def _explain_difference(expected: Mapping[str, Any], weights: Mapping[str, Any]) -> str:
    """The options in which two generators differ, else the first tensor that differs."""
    try:
        mismatch = describe_mismatch(infer_generator(expected), weights)
    except CheckpointError:  # the network is not one of the built-in generators
        mismatch = None
    if mismatch is not None:
        return mismatch
    key = next(key for key in {**expected, **weights} if _kind(expected.get(key)) != _kind(weights.get(key)))
    name, found, wanted = quoted(shown(key)), weights.get(key), expected.get(key)
    if key not in weights:
        return f"it has no tensor {name}."
    if key not in expected:
        return f"the network has no tensor {name}."
    if not (isinstance(found, Tensor) and isinstance(wanted, Tensor)):
        return f"{name} is {shown(type(found).__name__)} in the file and {type(wanted).__name__} in the network."
    if found.shape != wanted.shape:
        return f"{name} has the shape {tuple(found.shape)} in the file and {tuple(wanted.shape)} in the network."
    return f"{name} has the type {found.dtype} in the file and {wanted.dtype} in the network."


def _explain_missing(folder: Path, tag: str, name: str) -> str:
    if not folder.is_dir():
        return f"there is no run folder {quoted(folder)}."
    files = sorted({path.name for path in folder.glob(f"{tag}_net_*.pth")})
    if files:
        return f"{quoted(folder)} has no file '{tag}_net_{name}.pth'; for {tag} it has {', '.join(files)}."
    tags = checkpoint_tags(folder)
    return f"{quoted(folder)} has no checkpoint '{tag}'" + (
        f"; it has {', '.join(tags)}." if tags else " and no other."
    )


def _kind(value: object) -> tuple[object, ...]:
    """What must be equal for a value to be loaded: a tensor's shape, and whether it holds floating-point numbers."""
    if not isinstance(value, Tensor):
        return (type(value),)
    # Floating-point numbers of any precision are converted; integers, which count batches, are not made of them.
    return tuple(value.shape), value.dtype if not value.is_floating_point() else "float"
