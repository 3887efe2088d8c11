"""The generator that is inferred from bare weights, and descriptions of networks."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pixlate.errors import CheckpointError
from pixlate.models.networks import (
    Architecture,
    BatchNorm,
    InstanceNorm,
    NoNorm,
    NormFactory,
    ResnetGenerator,
    SyncBatchNorm,
    basic,
    describe_mismatch,
    describe_networks,
    infer_generator,
    resnet_6blocks,
    resnet_9blocks,
    unet_128,
    unet_256,
    without_instance_statistics,
)

RESNETS = [resnet_9blocks, resnet_6blocks]
UNETS = [unet_256, unet_128]
NORMS: dict[str, NormFactory] = {"batch": BatchNorm, "instance": InstanceNorm, "none": NoNorm}


@pytest.mark.parametrize(("make", "norm", "dropout"), list(itertools.product([*RESNETS, *UNETS], NORMS, (False, True))))
def test_the_architecture_is_inferred_from_weights(make: Callable[..., nn.Module], norm: str, dropout: bool) -> None:
    state = make(4, 2, 3, NORMS[norm], dropout).state_dict()
    known = dropout if make in RESNETS else None
    assert infer_generator(state) == Architecture(make.__name__, norm, known, ngf=3, input_nc=4, output_nc=2)


def test_synchronised_batch_norm_looks_like_batch_norm() -> None:
    state = unet_128(3, 3, 2, SyncBatchNorm, False).state_dict()
    architecture = infer_generator(state)
    assert architecture.norm == "batch"
    assert describe_mismatch(replace(architecture, norm="syncbatch"), state) is None


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (basic(3, 2, 3, BatchNorm).state_dict(), "belong to none of the generators that can be recognised"),
        ({}, "belong to none of the generators"),
        (
            ResnetGenerator(3, 3, 1, BatchNorm, False, 4).state_dict(),
            "a generator of 4 residual blocks; resnet_9blocks has 9",
        ),
        ({"model.model.0.weight": torch.zeros(2, 3, 4, 4)}, "a generator of 1 level; unet_256 has 8"),
    ],
)
def test_weights_of_other_networks_are_rejected(state: dict[str, Tensor], sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence):
        infer_generator(state)


@pytest.mark.parametrize(
    ("network", "key"),
    [
        (unet_128(3, 3, 2, BatchNorm, False), "model.model.0.weight"),
        (unet_128(3, 3, 2, BatchNorm, False), "model.model.3.weight"),
        (resnet_6blocks(3, 3, 2, InstanceNorm, False), "model.1.weight"),
        (resnet_6blocks(3, 3, 2, InstanceNorm, False), "model.23.weight"),
    ],
)
def test_incomplete_weights(network: nn.Module, key: str) -> None:
    complete = network.state_dict()
    assert key in complete
    for state in ({**complete, key: torch.zeros(3)}, {**complete, key: "a string"}):
        with pytest.raises(CheckpointError, match=f"incomplete: '{key}' is missing"):
            infer_generator(state)
    del complete[key]
    with pytest.raises(CheckpointError):  # without its first tensor, a U-Net cannot be recognised at all
        infer_generator(complete)


def test_residual_blocks_without_any_other_tensor() -> None:
    state = resnet_6blocks(3, 3, 2, InstanceNorm, False).state_dict()
    with pytest.raises(CheckpointError, match="incomplete"):
        infer_generator({key: value for key, value in state.items() if ".conv_block." in key})


def test_mismatch_names_the_flags_that_differ() -> None:
    state = resnet_9blocks(3, 3, 2, InstanceNorm, False).state_dict()
    inferred = infer_generator(state)
    assert describe_mismatch(inferred, state) is None
    assert describe_mismatch(replace(inferred, dropout=None), state) is None
    assert describe_mismatch(replace(inferred, dropout=True), state) == (
        "the weights belong to a generator with --no_dropout, not --dropout."
    )
    assert describe_mismatch(replace(inferred, netG="unet_256", norm="batch", ngf=64, input_nc=1), state) == (
        "the weights belong to a generator with --netG resnet_9blocks --norm instance --ngf 2 --input_nc 3, "
        "not --netG unet_256 --norm batch --ngf 64 --input_nc 1."
    )
    assert "none of the generators" in (describe_mismatch(inferred, basic(3, 2, 3, BatchNorm).state_dict()) or "")


def test_running_statistics_of_old_instance_norms_are_ignored() -> None:
    net = resnet_6blocks(3, 3, 2, InstanceNorm, False)
    old = {**net.state_dict(), "model.2.running_mean": torch.zeros(2), "model.2.running_var": torch.ones(2)}
    old["model.2.num_batches_tracked"] = torch.tensor(3)
    assert infer_generator(old).norm == "instance"
    net.load_state_dict(without_instance_statistics(old))
    affine = resnet_6blocks(3, 3, 2, BatchNorm, False).state_dict()
    assert without_instance_statistics(affine).keys() == affine.keys()


def test_networks_are_described_by_their_number_of_parameters() -> None:
    networks = {"G": nn.Conv2d(1, 1000, 1), "D": nn.Linear(1, 250, bias=False)}
    lines = "[Network G] 0.002 M parameters\n[Network D] 0.000 M parameters"
    assert describe_networks(networks) == lines
    assert describe_networks(networks, layers=True).startswith("Conv2d(1, 1000")
