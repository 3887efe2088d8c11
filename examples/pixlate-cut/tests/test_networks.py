"""The networks' sizes, weights and features."""

from typing import Any

import pixlate
import pytest
import torch
from torch.nn import functional as F

from pixlate_cut_networks import Downsample, Upsample

GENERATORS = ("cut_resnet_9blocks", "cut_resnet_6blocks", "cut_plain_resnet_9blocks", "cut_plain_resnet_6blocks")


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_a_generator_keeps_the_size_and_starts_between_minus_one_and_one(name: str, norm: str) -> None:
    net = pixlate.create_generator(name, input_nc=1, output_nc=2, ngf=4, norm=norm)
    image = net(torch.rand(2, 1, 12, 20))
    assert image.shape == (2, 2, 12, 20)
    assert image.abs().max() <= 1


@pytest.mark.parametrize("name", GENERATORS)
def test_features_are_the_layers_outputs(name: str) -> None:
    net: Any = pixlate.create_generator(name, input_nc=3, output_nc=3, ngf=4)
    x = torch.rand(1, 3, 16, 16)
    shapes = [tuple(feature.shape[1:]) for feature in net(x, layers=(0, 4, 8))]
    blurred = {"plain": [(3, 22, 22), (8, 8, 8), (16, 4, 4)], "resnet": [(3, 22, 22), (8, 16, 16), (16, 8, 8)]}
    assert shapes == blurred[name.split("_")[1]]
    last = net.feature_layers - 1
    torch.testing.assert_close(net(x, layers=(last,))[0], net(x))


@pytest.mark.parametrize(
    ("name", "parameters", "filters"),
    [("cut_resnet_9blocks", 11_378_179, 4), ("cut_plain_resnet_9blocks", 11_378_179, 0)],
)
def test_a_generator_has_the_weights_of_the_published_one(name: str, parameters: int, filters: int) -> None:
    net = pixlate.create_generator(name, input_nc=3, output_nc=3)
    assert sum(weight.numel() for weight in net.parameters()) == parameters
    assert sum(key.endswith("filt") for key in net.state_dict()) == filters


def test_plain_weights_load_into_pixlates_own_generator() -> None:
    ours = pixlate.create_generator("cut_plain_resnet_6blocks", input_nc=3, output_nc=3, ngf=4)
    theirs = pixlate.create_generator("resnet_6blocks", input_nc=3, output_nc=3, ngf=4)
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(1, 3, 16, 16)
    assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize(("name", "n_layers", "least"), [("cut_basic", 9, 24), ("cut_n_layers", 2, 12)])
def test_a_discriminator_takes_images_of_its_minimum_size(name: str, n_layers: int, least: int) -> None:
    net = pixlate.create_discriminator(name, input_nc=3, ndf=4, n_layers=n_layers)
    assert net.minimum_size == least
    assert net(torch.rand(1, 3, least, least)).shape == (1, 1, 1, 1)
    with pytest.raises((RuntimeError, ValueError)):
        net(torch.rand(1, 3, least - 1, least - 1))


def test_downsampling_blurs_with_121_reflected_at_the_borders() -> None:
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 1, 1] = 16.0
    assert torch.equal(Downsample(1)(x)[0, 0], torch.tensor([[4.0, 2.0], [2.0, 1.0]]))
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 0, 0] = 16.0
    assert torch.equal(Downsample(1)(x)[0, 0], torch.tensor([[4.0, 0.0], [0.0, 0.0]]))


def test_upsampling_is_the_transposed_convolution_with_its_stored_filter() -> None:
    up = Upsample(3).double()
    x = torch.rand(2, 3, 5, 7, dtype=torch.float64)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    whole = F.conv_transpose2d(padded, up.get_buffer("filt"), stride=2, groups=3)
    torch.testing.assert_close(up(x), whole[:, :, 3:-3, 3:-3])
