"""Generators and discriminators: the reference's weights, parameter counts and outputs, sizes, and gradients."""

import itertools
from collections.abc import Callable

import pytest
import torch
from golden_cases import NetworkCase, network_cases, thinned
from torch import Tensor, nn

from pixlate import create_discriminator, create_generator
from pixlate.errors import OptionError
from pixlate.models.networks import (
    BatchNorm,
    Dropout,
    InstanceNorm,
    NoNorm,
    NormFactory,
    ReflectionPad,
    ResnetBlock,
    SyncBatchNorm,
    basic,
    n_layers,
    pixel,
    resnet_6blocks,
    resnet_9blocks,
    unet_128,
    unet_256,
)

NORMS: dict[str, NormFactory] = {
    "batch": BatchNorm,
    "instance": InstanceNorm,
    "syncbatch": SyncBatchNorm,
    "none": NoNorm,
}
GENERATORS: dict[str, Callable[..., nn.Module]] = {
    "resnet_9blocks": resnet_9blocks,
    "resnet_6blocks": resnet_6blocks,
    "unet_256": unet_256,
    "unet_128": unet_128,
}
DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {"basic": basic, "n_layers": n_layers, "pixel": pixel}
FORMATS = (torch.contiguous_format, torch.channels_last)


def parameters(net: nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def network_of(case: NetworkCase) -> nn.Module:
    args = case.args
    norm = NORMS[args["norm"]]
    if case.kind == "G":
        make = GENERATORS[args["netG"]]
        return make(args["input_nc"], args["output_nc"], args["ngf"], norm, args["use_dropout"])
    return DISCRIMINATORS[args["netD"]](args["input_nc"], args["ndf"], args["n_layers_D"], norm)


@pytest.mark.parametrize("case", list(network_cases()), ids=str)
def test_reference_figures(case: NetworkCase) -> None:
    net = network_of(case)
    assert list(net.state_dict()) == case.keys
    assert parameters(net) == case.params
    net.load_state_dict(case.before)
    with torch.no_grad():
        torch.testing.assert_close(thinned(net.train()(case.images)), case.train_out, atol=1e-5, rtol=0)
        for key, value in case.after.items():
            torch.testing.assert_close(net.state_dict()[key], value, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(thinned(net.eval()(case.images)), case.eval_out, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "input_nc", "output_nc", "norm", "count"),
    [
        ("resnet_9blocks", 3, 3, "instance", 11_378_179),
        ("resnet_9blocks", 3, 3, "batch", 11_383_427),
        ("resnet_9blocks", 3, 3, "syncbatch", 11_383_427),
        ("resnet_9blocks", 1, 1, "instance", 11_365_633),
        ("resnet_6blocks", 3, 3, "instance", 7_837_699),
        ("resnet_6blocks", 3, 3, "batch", 7_841_411),
        ("unet_256", 3, 3, "batch", 54_413_955),
        ("unet_256", 3, 3, "instance", 54_409_603),
        ("unet_256", 1, 2, "batch", 54_409_858),
        ("unet_128", 3, 3, "batch", 41_828_995),
        ("unet_128", 3, 3, "instance", 41_825_667),
    ],
)
def test_parameters_of_generators(name: str, input_nc: int, output_nc: int, norm: str, count: int) -> None:
    with torch.device("meta"):
        for dropout in (False, True):
            assert parameters(GENERATORS[name](input_nc, output_nc, 64, NORMS[norm], dropout)) == count


@pytest.mark.parametrize(
    ("name", "input_nc", "depth", "norm", "count"),
    [
        ("basic", 3, 3, "instance", 2_764_737),
        ("basic", 3, 3, "batch", 2_765_633),
        ("basic", 6, 3, "instance", 2_767_809),
        ("basic", 6, 5, "batch", 2_768_705),  # basic has three layers whatever n_layers is
        ("n_layers", 6, 1, "batch", 139_585),
        ("n_layers", 6, 2, "batch", 666_433),
        ("n_layers", 6, 3, "batch", 2_768_705),
        ("n_layers", 6, 4, "batch", 6_964_033),
        ("n_layers", 6, 5, "batch", 11_159_361),
        ("pixel", 3, 3, "instance", 8_705),
        ("pixel", 3, 3, "batch", 8_832),
        ("pixel", 6, 3, "instance", 8_897),
        ("pixel", 6, 3, "batch", 9_024),
    ],
)
def test_parameters_of_discriminators(name: str, input_nc: int, depth: int, norm: str, count: int) -> None:
    with torch.device("meta"):
        assert parameters(DISCRIMINATORS[name](input_nc, 64, depth, NORMS[norm])) == count


@pytest.mark.parametrize(
    ("depth", "patch", "side"), [(1, 16, 126), (2, 34, 62), (3, 70, 30), (4, 142, 14), (5, 286, 6)]
)
def test_discriminators_classify_patches(depth: int, patch: int, side: int) -> None:
    net = n_layers(1, 1, depth, NoNorm)
    nn.init.ones_(net.model[0].weight)
    for weight in net.parameters():
        nn.init.constant_(weight, 0.1)
    x = torch.ones(1, 1, 512, 512, requires_grad=True)
    logits = net(x)
    (receptive_field,) = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], x)
    assert (receptive_field[0, 0].any(0).sum(), receptive_field[0, 0].any(1).sum()) == (patch, patch)
    assert net(torch.ones(1, 1, 256, 256)).shape == (1, 1, side, side)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_dropout_moves_the_second_convolution_of_a_residual_block(norm: str) -> None:
    plain = resnet_6blocks(3, 3, 2, NORMS[norm], False).state_dict()
    with_dropout = resnet_6blocks(3, 3, 2, NORMS[norm], True).state_dict()
    assert plain["model.10.conv_block.5.weight"].dim() == 4
    assert with_dropout["model.10.conv_block.6.weight"].dim() == 4


def test_dropout_follows_the_relu_of_a_residual_block() -> None:
    layers = list(ResnetBlock(4, BatchNorm, use_dropout=True).conv_block)
    (index,) = (number for number, layer in enumerate(layers) if isinstance(layer, Dropout))
    assert isinstance(layers[index - 1], nn.ReLU)
    assert isinstance(layers[index + 1], ReflectionPad)


@pytest.mark.parametrize(("name", "dropouts"), [("unet_256", 3), ("unet_128", 2), ("resnet_9blocks", 9)])
def test_places_of_dropout(name: str, dropouts: int) -> None:
    dropout_layers = [
        part for part in GENERATORS[name](3, 3, 2, BatchNorm, True).modules() if isinstance(part, nn.Dropout)
    ]
    assert [part.p for part in dropout_layers] == [0.5] * dropouts


@pytest.mark.parametrize(("name", "norm"), list(itertools.product(GENERATORS, NORMS)))
def test_generators_keep_the_size_down_to_their_minimum(name: str, norm: str) -> None:
    net = GENERATORS[name](1, 2, 1, NORMS[norm], True)
    side = net.minimum_size
    with torch.no_grad():
        fake = net(torch.zeros(2, 1, side, side + net.size_multiple))
    assert fake.shape == (2, 2, side, side + net.size_multiple)


@pytest.mark.parametrize("name", [name for name in GENERATORS if name.startswith("resnet")])
@pytest.mark.parametrize("size", [(9, 12), (253, 32), (14, 11)])
def test_residual_generators_round_other_sizes_up(name: str, size: tuple[int, int]) -> None:
    net = GENERATORS[name](1, 1, 1, InstanceNorm, False)
    assert net.rounds_size_up
    with torch.no_grad():
        fake = net(torch.zeros(1, 1, *size))
    assert fake.shape[-2:] == tuple(-(-side // 4) * 4 for side in size)


@pytest.mark.parametrize(("name", "norm", "depth"), list(itertools.product(DISCRIMINATORS, NORMS, (1, 5))))
def test_discriminators_accept_their_minimum_size(name: str, norm: str, depth: int) -> None:
    net = DISCRIMINATORS[name](4, 1, depth, NORMS[norm])
    assert net(torch.zeros(2, 4, net.minimum_size, net.minimum_size)).shape[:2] == (2, 1)


def gradient(net: nn.Module, x: Tensor, layout: torch.memory_format) -> Tensor:
    """All gradients in one vector, of the input first."""
    net.zero_grad()
    x = x.clone(memory_format=layout).requires_grad_()
    y = net.to(memory_format=layout)(x)
    upstream = torch.sin(torch.arange(y.numel(), dtype=x.dtype)).reshape(y.shape)
    y.backward(upstream.contiguous(memory_format=layout))
    return torch.cat([part.grad.flatten() for part in (x, *net.parameters())])


@pytest.mark.parametrize(
    ("make", "norm", "batch"),
    list(itertools.product((resnet_6blocks, unet_128, basic, pixel), ("batch", "instance", "none"), (1, 2))),
)
def test_gradients_in_either_memory_layout(make: Callable[..., nn.Module], norm: str, batch: int) -> None:
    """The gradient is the plain one of float64; in fp32 but for ReLUs that rounding switches."""
    torch.manual_seed(0)
    generator = make in (resnet_6blocks, unet_128)
    net = make(3, 3, 2, NORMS[norm], False) if generator else make(3, 4, 3, NORMS[norm])
    x = torch.rand(batch, 3, 128, 128, dtype=torch.float64) * 2 - 1
    truth = gradient(net.double(), x, torch.contiguous_format)
    for layout in FORMATS:
        exact = gradient(net.double(), x, layout)
        assert (exact - truth).norm() <= 1e-9 * truth.norm()
        rounded = gradient(net.float(), x.float(), layout).double()
        assert (rounded - truth).norm() <= 0.05 * truth.norm()


def test_networks_by_name_are_initialised_as_in_the_reference() -> None:
    torch.manual_seed(0)
    G = create_generator("resnet_6blocks", input_nc=1, output_nc=2, ngf=16, norm="batch", use_dropout=True)
    D = create_discriminator("n_layers", input_nc=3, n_layers=2)
    assert parameters(D) == parameters(n_layers(3, 64, 2, InstanceNorm))
    assert G(torch.zeros(2, 1, 16, 16)).shape == (2, 2, 16, 16)
    for weight in (G.model[10].conv_block[1].weight, D.model[2].weight):
        assert weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert G.model[2].weight.mean().item() == pytest.approx(1, abs=0.02)
    assert not D.model[2].bias.any()


def test_unknown_names_and_invalid_numbers_are_errors() -> None:
    with pytest.raises(OptionError, match="Did you mean 'unet_256'"):
        create_generator("unet256", input_nc=3, output_nc=3)
    with pytest.raises(OptionError, match="no generator is named 'basic'"):
        create_generator("basic", input_nc=3, output_nc=3)
    with pytest.raises(OptionError, match="no norm is named 'layer'"):
        create_discriminator("basic", input_nc=3, norm="layer")
    with pytest.raises(OptionError, match="no init is named 'norm'"):
        create_discriminator("basic", input_nc=3, init_type="norm")
    with pytest.raises(OptionError, match="'ngf' must be at least 1, not 0"):
        create_generator("unet_256", input_nc=3, output_nc=3, ngf=0)
