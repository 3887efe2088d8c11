"""Weight initialisation."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pixlate.models.networks import BatchNorm, SyncBatchNorm, init, initialise


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("init_function", "gain", "deviation"),
    [
        (init.normal, 0.02, 0.02),
        (init.normal, 0.5, 0.5),
        (init.xavier, 0.02, 0.02 * math.sqrt(2 / (64 * 16 + 32 * 16))),
        (init.kaiming, 0.02, math.sqrt(2 / (64 * 16))),
        (init.kaiming, 0.5, math.sqrt(2 / (64 * 16))),
    ],
)
def test_standard_deviation_of_weights(
    init_function: Callable[[Tensor, float], None], gain: float, deviation: float
) -> None:
    conv = nn.Conv2d(64, 32, 4)
    initialise(conv, init_function, gain)
    assert conv.weight.mean().item() == pytest.approx(0, abs=deviation / 20)
    assert conv.weight.std().item() == pytest.approx(deviation, rel=0.03)
    assert not conv.bias.any()


def test_orthogonal_rows() -> None:
    conv = nn.Conv2d(64, 32, 4)
    initialise(conv, init.orthogonal, 0.5)
    rows = conv.weight.detach().flatten(1)
    torch.testing.assert_close(rows @ rows.T, 0.25 * torch.eye(32), atol=1e-5, rtol=0)


@pytest.mark.parametrize("layer", [nn.ConvTranspose2d(8, 4, 3), nn.Linear(8, 4), nn.Conv2d(8, 4, 3, bias=False)])
def test_other_layers_with_weights(layer: nn.Module) -> None:
    initialise(nn.Sequential(nn.Identity(), nn.Sequential(layer)), init.normal, 10.0)
    assert layer.weight.abs().max() > 5
    assert layer.bias is None or not layer.bias.any()


def test_norms_start_near_one() -> None:
    net = nn.Sequential(BatchNorm(1000), SyncBatchNorm(8), nn.BatchNorm2d(4, affine=False))
    nn.init.ones_(net[0].bias)
    initialise(net, init.kaiming, 0.02)
    assert net[0].weight.mean().item() == pytest.approx(1, abs=0.005)
    assert net[0].weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not net[0].bias.any()
    assert torch.equal(net[1].weight, torch.ones(8))


def test_a_seed_determines_the_weights() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        net = nn.Conv2d(3, 3, 3)
        initialise(net, init.normal, 0.02)
        weights.append(net.weight.detach())
    assert torch.equal(*weights)
