"""Weights files as other programs write them: wrapped, with prefixes, of older versions of PyTorch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import pixlate
from pixlate.errors import CheckpointError
from pixlate.models.state_dicts import find_state_dict, fit
from pixlate.models.weights import load_weights

State = dict[str, Tensor]


def prefixed(state: State, prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


def without_counters(state: State) -> State:
    return {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}


def compiled_inside(state: State) -> State:
    return {key.replace("conv_block.", "conv_block._orig_mod."): value for key, value in state.items()}


def with_statistics(state: State) -> State:
    """As instance norm was saved before PyTorch 0.4, and with the counter that it had for a while."""
    ones = {"model.2.running_mean": torch.ones(2), "model.2.running_var": torch.ones(2)}
    return {**state, **ones, "model.2.num_batches_tracked": torch.tensor(1)}


FORMS: dict[str, Callable[[State], Any]] = {
    "bare": lambda state: state,
    "DataParallel": lambda state: prefixed(state, "module."),
    "compiled": lambda state: prefixed(state, "_orig_mod."),
    "both": lambda state: prefixed(state, "module._orig_mod."),
    "compiled inside": compiled_inside,
    "state_dict": lambda state: {"epoch": 3, "state_dict": prefixed(state, "module."), "optimizer": {"lr": 0.1}},
    "model": lambda state: {"model": state, "args": ["--ngf", "2"]},
    "params": lambda state: {"params": {}, "params_ema": state},
    "several networks": lambda state: {"D": {"model.0.weight": torch.zeros(1)}, "G": state},
    "one direction": lambda state: {"netD_A": {"model.0.weight": torch.zeros(1)}, "netG_A": state},
    "Lightning": lambda state: {
        "state_dict": {**prefixed(state, "generator."), "discriminator.model.0.weight": torch.zeros(1)}
    },
    "a training state": lambda state: {"format": 1, "model": {"networks": {"G": state, "D": {}}, "ema": {}}},
    "beside numbers": lambda state: {"epoch": 3, **state},
    "old statistics": with_statistics,
}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return pixlate.create_generator("resnet_6blocks", input_nc=1, output_nc=1, ngf=2)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_network(form: str, network: nn.Module, tmp_path: Path) -> None:
    torch.save(FORMS[form](network.state_dict()), tmp_path / "weights.pth")
    loaded = pixlate.load(tmp_path / "weights.pth", device="cpu").model.networks["G"].state_dict()
    assert loaded.keys() == network.state_dict().keys()
    assert all(torch.equal(loaded[key], value) for key, value in network.state_dict().items())


def test_counters_of_batch_norm_may_be_missing(tmp_path: Path) -> None:
    network = pixlate.create_generator("unet_128", input_nc=1, output_nc=1, ngf=2, norm="batch")
    torch.save(without_counters(network.state_dict()), tmp_path / "weights.pth")
    loaded = pixlate.load(tmp_path / "weights.pth", device="cpu").model.networks["G"].state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "cannot be used: it is empty"),
        ({"epoch": 3, "loss": 0.5}, "no weights of a network are in it, only 'epoch', 'loss'"),
        ({"state_dict": {"epoch": 3}}, "no weights of a network are in it, only 'epoch'"),
        ({"G_A": {"x": torch.zeros(1)}, "G_B": {}}, "it holds several networks, G_A, G_B: save the one to use"),
    ],
)
def test_files_without_one_network_are_a_sentence(content: Any, sentence: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=sentence):
        pixlate.load(tmp_path / "weights.pth")


def test_the_network_of_a_name_is_chosen() -> None:
    content = {"netG_A": {"w": torch.zeros(1)}, "netG_B": {"module.w": torch.ones(1)}, "netD_A": {}}
    assert torch.equal(find_state_dict(content, "G_B")["w"], torch.ones(1))


class OddlyNamed(nn.Module):
    """A network whose own names look like those that wrappers add, with batch norm that has no scale."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, affine=False))
        self.G = nn.Conv2d(1, 1, 1)


@pytest.mark.parametrize("prefix", ["", "_orig_mod.", "module."])
def test_a_networks_own_names_are_no_prefixes(prefix: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    saved, loaded = OddlyNamed().state_dict(), OddlyNamed()
    torch.save({prefix + key: value for key, value in saved.items()}, tmp_path / "weights.pth")
    if prefix:
        del loaded.G  # otherwise "G.weight" is taken for the weights of a network G among several
        torch.save({prefix + k: v for k, v in saved.items() if not k.startswith("G.")}, tmp_path / "weights.pth")
    load_weights(loaded, tmp_path / "weights.pth")
    assert all(torch.equal(value, saved[key]) for key, value in loaded.state_dict().items())


def test_other_differences_remain() -> None:
    expected = {"a.weight": torch.zeros(1), "a.num_batches_tracked": torch.tensor(0)}
    assert fit({"b.weight": torch.ones(1)}, expected).keys() == {"b.weight", "a.num_batches_tracked"}


def test_values_beside_the_weights_are_ignored() -> None:
    weights = {"a.weight": torch.ones(2)}
    for content in (
        {"epoch": 5, "state_dict": weights},
        {"G": 5, "state_dict": weights},
        {3: {}, "state_dict": weights},
    ):
        assert find_state_dict(content, "G").keys() == weights.keys()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (torch.ones(3, 2), r"has the shape \(3, 2\) in the file and \(2, 3\) in the network"),
        (torch.ones(2, 3, dtype=torch.int64), "has the type torch.int64 in the file and torch.float32 in the network"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(value: Tensor, problem: str, tmp_path: Path) -> None:
    network = nn.Linear(3, 2)
    torch.save({"weight": value, "bias": torch.zeros(2)}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=problem):
        load_weights(network, tmp_path / "weights.pth")
