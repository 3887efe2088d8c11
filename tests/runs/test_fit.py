"""A stored state is compared with the model's, and the first difference is named."""

from typing import Any

import pytest
import torch

from pixlate.runs.checkpoints.fit import misfit

STATE: dict[str, Any] = {
    "networks": {"G": {"weight": torch.zeros(2, 3), "count": torch.zeros((), dtype=torch.int64)}},
    "scaler": {"scale": 2.0},
    "policy": {"best": None, "wait": 0, "on": True, "name": "x"},
    "rates": [0.1, 0.2],
    "optimizers": {"G": {}},
    "extra": {},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The state with another value in one place, or without it."""
    keys = path.split(".")

    def copy(part: dict[str, Any], rest: list[str]) -> dict[str, Any]:
        result = dict(part)
        if len(rest) > 1:
            result[rest[0]] = copy(part[rest[0]], rest[1:])
        elif value is ...:
            del result[rest[0]]
        else:
            result[rest[0]] = value
        return result

    return copy(STATE, keys)


def test_an_equal_state_fits() -> None:
    assert misfit(STATE, STATE) == ""
    assert misfit(STATE, changed("networks.G.weight", torch.ones(2, 3))) == ""


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("networks.G.weight", torch.zeros(3, 2), "networks.G.weight has the shape (3, 2), not (2, 3)"),
        ("networks.G.weight", torch.zeros(2, 3, dtype=torch.float64), "has the type torch.float64, not torch.float32"),
        ("networks.G.weight", 3, "networks.G.weight is no tensor"),
        ("networks.G.weight", ..., "networks.G.weight is missing"),
        ("networks.G.more", torch.zeros(1), "the model has no networks.G.more"),
        ("networks.G", [1], "networks.G is no group of values"),
        ("networks", {}, "networks.G is missing"),
        ("networks", ..., "networks is missing"),
        ("more", {}, "the model has no more"),
        ("rates", [0.1], "rates is no list of 2 values"),
        ("rates", 0.1, "rates is no list of 2 values"),
        ("rates", [0.1, "x"], "rates[1] is 'x', not a number"),
        ("rates", [True, 0.1], "rates[0] is 'True', not a number"),
        ("policy.on", 1, "policy.on is '1'"),
        ("policy.name", True, "policy.name is 'True'"),
        ("policy.best", "x", "policy.best is 'x'"),
    ],
)
def test_a_difference_is_named(path: str, value: Any, problem: str) -> None:
    assert problem in misfit(STATE, changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("scaler", {}),
        ("policy", {}),
        ("policy.best", 0.5),
        ("rates", (0.3, 4)),
        ("optimizers", {"G": {"state": {0: 1}}}),
        ("extra", {"pool": [torch.zeros(1)]}),
    ],
)
def test_what_may_differ_does(path: str, value: Any) -> None:
    assert misfit(STATE, changed(path, value)) == ""


@pytest.mark.parametrize("found", [None, [], 3, "x"])
def test_anything_else_is_no_state(found: object) -> None:
    assert misfit(STATE, found) == "it is no group of values"
