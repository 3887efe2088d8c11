"""Compares the values of a state with those of the model that is to be restored, before any of them is loaded."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pixlate.util.text import shown

#: Values of a mapping that is empty on one side are not compared: the loss scale of another --precision, the state of
#: another --lr_policy. Networks and averages must be there.
_OPTIONAL = ("scaler", "policy")
#: What a model checks by itself: optimizers, whose moments begin with the first step, and a model's own values.
_UNCHECKED = ("optimizers", "extra")
#: Values that states of earlier versions lack.
_NEW = ("steps",)


def misfit(expected: Mapping[str, Any], found: object) -> str:
    """The first difference in kind between a model's state and a stored one; empty if the stored one can be loaded.

    - expected: the `state_dict` of the model.

    Kinds are names, shapes and types of tensors, lengths, and whether a value is a number, a text or a switch.
    """
    return _difference({name: value for name, value in expected.items() if name not in _UNCHECKED}, found, "")


def _difference(expected: Any, found: Any, name: str) -> str:
    if isinstance(expected, Tensor):
        return _tensor_difference(expected, found, name)
    if isinstance(expected, Mapping):
        return _mapping_difference(expected, found, name)
    if isinstance(expected, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(expected):
            return f"{name} is no list of {len(expected)} values"
        parts = (_difference(e, f, f"{name}[{i}]") for i, (e, f) in enumerate(zip(expected, found, strict=True)))
        return next(filter(None, parts), "")
    if isinstance(expected, bool | str):
        return "" if type(found) is type(expected) else f"{name} is {shown(found)!r}"
    if isinstance(expected, int | float):
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        return "" if is_number else f"{name} is {shown(found)!r}, not a number"
    if expected is None:
        return "" if found is None or isinstance(found, int | float) else f"{name} is {shown(found)!r}"
    return ""


def _mapping_difference(expected: Mapping[str, Any], found: object, name: str) -> str:
    if not isinstance(found, Mapping):
        return f"{name or 'it'} is no group of values"
    if name.rpartition(".")[2] in _OPTIONAL and not (expected and found):
        return ""
    missing = next((key for key in expected if key not in found and (name or key not in _NEW)), None)
    if missing is not None:
        return f"{_joined(name, missing)} is missing"
    # Beside what the model checks by itself, nothing more is known.
    unknown = next((key for key in found if key not in expected and (name or key not in _UNCHECKED)), None)
    if unknown is not None:
        return f"the model has no {_joined(name, unknown)}"
    present = ((key, part) for key, part in expected.items() if key in found)
    return next(filter(None, (_difference(part, found[key], _joined(name, key)) for key, part in present)), "")


def _tensor_difference(expected: Tensor, found: object, name: str) -> str:
    if not isinstance(found, Tensor):
        return f"{name} is no tensor"
    if found.shape != expected.shape:
        return f"{name} has the shape {tuple(found.shape)}, not {tuple(expected.shape)}"
    return "" if found.dtype == expected.dtype else f"{name} has the type {found.dtype}, not {expected.dtype}"


def _joined(name: str, key: object) -> str:
    return f"{name}.{shown(key)}" if name else shown(key)
