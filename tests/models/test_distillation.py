"""The model `distillation`: what a student learns from, and what a translation costs."""

import math

import pytest
import torch
from torch import Tensor, nn

import pixlate
from pixlate.models.cost import MIN_CALLS, cost_of, latencies, macs_of_generator
from pixlate.models.networks.norms import InstanceNorm
from pixlate.models.networks.resnet import resnet_6blocks
from pixlate.plugins.field import Field
from pixlate.plugins.testing import check_model

TINY = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2, "n_epochs": 1, "n_epochs_decay": 0}


def batch(side: int = 32, scale: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    A, B = (torch.rand(1, 3, size, size, generator=generator) * 2 - 1 for size in (side, scale * side))
    return {"A": A, "B": B}


@pytest.mark.slow
def test_with_a_discriminator_it_keeps_the_contract_of_models() -> None:
    check_model("distillation", lambda_GAN=1.0)


def test_with_an_adversarial_loss_both_networks_are_updated() -> None:
    model = pixlate.create_model("distillation", lambda_GAN=0.5, **TINY)
    before = {name: [weight.clone() for weight in net.parameters()] for name, net in model.networks.items()}
    losses = model.training_step(batch()).losses
    assert list(losses) == ["G_GAN", "G_L1", "D_real", "D_fake"]
    for name in ("G", "D"):
        pairs = zip(before[name], model.networks[name].parameters(), strict=True)
        assert any(not torch.equal(old, new) for old, new in pairs)


def test_without_an_adversarial_loss_there_is_no_discriminator() -> None:
    model = pixlate.create_model("distillation", lambda_L1=10, **TINY)
    result = model.training_step(batch())
    assert list(model.networks) == ["G"]
    fake, real = result.images["fake_B"], result.images["real_B"]
    assert result.losses.keys() == {"G_L1"}
    assert float(result.losses["G_L1"]) == pytest.approx(10 * float((fake - real).abs().mean()), rel=1e-5)


def test_labels_are_learnt_by_cross_entropy() -> None:
    fields = {"A": Field(), "B": Field("labels", classes=3)}
    model = pixlate.create_model("distillation", output_nc=3, lambda_L1=1, fields=fields, **TINY)
    classes = batch()["B"].argmax(1)
    one_hot = nn.functional.one_hot(classes, 3).permute(0, 3, 1, 2) * 2.0 - 1
    result = model.training_step({"A": batch()["A"], "B": one_hot})
    expected = nn.functional.cross_entropy(4 * result.images["fake_B"], classes)
    assert float(result.losses["G_CE"]) == pytest.approx(float(expected), rel=1e-5)


def test_the_output_has_the_size_of_the_teachers() -> None:
    fields = {"A": Field(), "B": Field(scale=2)}
    model = pixlate.create_model("distillation", fields=fields, lambda_GAN=1, **TINY)
    result = model.training_step(batch(scale=2))
    assert result.images["fake_B"].shape[-2:] == (64, 64)
    assert model.fake({"A": batch(24)["A"]}).shape[-2:] == (48, 48)


def macs_of_resnet(ngf: int, blocks: int, side: int) -> int:
    """Of c7s1-ngf, two convolutions of stride 2, the blocks, two transposed ones of stride 2, and c7s1-3, by hand."""
    full, half, quarter = side**2, side**2 // 4, side**2 // 16
    ends = 2 * full * 49 * 3 * ngf
    down = half * 9 * ngf * 2 * ngf + quarter * 9 * 2 * ngf * 4 * ngf
    up = quarter * 9 * 4 * ngf * 2 * ngf + half * 9 * 2 * ngf * ngf  # each input position times the kernel
    return ends + down + blocks * 2 * quarter * 9 * (4 * ngf) ** 2 + up


@pytest.mark.parametrize(("ngf", "side"), [(8, 64), (3, 32)])
def test_operations_are_those_of_a_calculation_by_hand(ngf: int, side: int) -> None:
    network = resnet_6blocks(3, 3, ngf, InstanceNorm, False)
    network.model[-2].__class__ = nn.Conv2d  # else 8 x 8 kernels of stride 2, see NarrowConv2d
    assert macs_of_generator(network, 3, side, side) == macs_of_resnet(ngf, 6, side)


def test_a_size_that_the_network_does_not_take_is_padded() -> None:
    network = pixlate.create_generator("unet_128", input_nc=3, output_nc=3, ngf=1)
    assert macs_of_generator(network, 3, 100, 129) == macs_of_generator(network, 3, 128, 256)


def test_only_networks_that_compute_are_counted() -> None:
    networks = {"used": nn.Conv2d(3, 5, 3, padding=1), "idle": nn.Conv2d(3, 7, 3)}
    cost = cost_of(lambda: networks["used"](torch.zeros(1, 3, 10, 20)), networks)
    assert (cost.networks, cost.parameters, cost.macs) == (("used",), 5 * 27 + 5, 200 * 5 * 27)
    assert not any(network._forward_pre_hooks for network in networks.values())


def test_translations_take_turns_when_they_are_timed() -> None:
    calls: list[str] = []
    translations = [lambda name=name: calls.append(name) for name in "ab"]
    times = latencies(translations, torch.device("cpu"), seconds=0)
    assert [len(own) for own in times] == [MIN_CALLS, MIN_CALLS]
    assert calls[-4:] == ["a", "b", "a", "b"]
    assert all(0 <= seconds < math.inf for own in times for seconds in own)
