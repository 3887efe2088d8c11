"""Translation by tiles: the grid, the statistics of norms, and exact tiles, of networks without a run."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import pixlate
from pixlate.errors import OptionError
from pixlate.inference.tiling.grid import blending_weights, core_spans, overlapping_spans
from pixlate.inference.tiling.network import TileNetwork
from pixlate.inference.tiling.options import TileOptions, grid_for
from pixlate.inference.tiling.reach import reach_of
from pixlate.inference.tiling.reduced import reduced_copy
from pixlate.inference.tiling.sources import ReflectedSource, TensorSource
from pixlate.inference.tiling.statistics import Statistics
from pixlate.inference.tiling.translation import TiledTranslation
from pixlate.models.execution.evaluation import evaluation_view
from pixlate.models.networks.mode import InferenceMode, set_inference_mode
from pixlate.util.sizes import SideRule


def tile_network(net: nn.Module, statistics: str = "image", channels: int = 3) -> TileNetwork:
    """A network as tiles see it, in inference mode with statistics of the image, without dropout."""
    view = evaluation_view(net)
    mode = InferenceMode("image" if statistics == "image" else "running", dropout=False)

    def run(x: Tensor) -> Tensor:
        with torch.no_grad(), set_inference_mode(mode):
            y: Tensor = view(x)
            return y

    return TileNetwork(run, SideRule.of([net]), channels, name=type(net).__name__)


def landscape(height: int, width: int, seed: int = 0) -> Tensor:
    """An image whose colours change from place to place, so that tiles have statistics of their own."""
    coarse = torch.rand(1, 3, height // 8 + 1, width // 8 + 1, generator=torch.Generator().manual_seed(seed))
    x = F.interpolate(coarse * 2 - 1, (height, width), mode="bilinear")
    return (0.6 * x + torch.linspace(-0.5, 0.5, height)[:, None] + torch.linspace(0.4, -0.4, width)).clamp(-1, 1)


def tiled(network: TileNetwork, x: Tensor, **options: object) -> Tensor:
    """An image translated by tiles."""
    return TiledTranslation(network, TensorSource(x), TileOptions(**options)).whole()  # type: ignore[arg-type]


def whole(network: TileNetwork, x: Tensor) -> Tensor:
    """An image translated at once, as a Translator does."""
    height, width = x.shape[-2:]
    sides = network.sides.at_least(height), network.sides.at_least(width)
    padded = ReflectedSource(TensorSource(x), *sides).read(0, sides[0], 0, sides[1])
    return network.run(padded)[..., :height, :width]


sides = st.integers(1, 70)


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.integers(1, 8), st.integers(2, 6), st.integers(0, 20))
def test_tiles_of_the_identity_give_the_image_back(
    height: int, width: int, multiple: int, tiles: int, part: int
) -> None:
    rule = SideRule(multiple)
    tile = tiles * multiple
    network = TileNetwork(lambda x: x, rule, 3)
    x = torch.rand(1, 3, height, width) * 2 - 1
    options = TileOptions(tile, min(part, tile // 2), norms="tile")
    y = TiledTranslation(network, TensorSource(x), options).whole()
    assert y.shape == x.shape
    assert torch.allclose(y, x, atol=1e-6)
    grid = grid_for(network, rule.at_least(height), rule.at_least(width), options)
    for spans, side in ((grid.rows, height), (grid.columns, width)):
        assert all(span.start % multiple == 0 and span.length % multiple == 0 for span in spans)
        total = np.zeros(rule.at_least(side))
        for span, weight in zip(spans, blending_weights(spans), strict=True):
            assert (weight >= 0).all()
            total[span.first : span.last] += weight
        assert np.abs(total - 1).max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 5), st.integers(0, 5), st.integers(1, 8))
def test_cores_divide_a_side(length: int, cores: int, halo: int, multiple: int) -> None:
    side, overlap = length * multiple, halo * multiple
    tile = 2 * overlap + cores * multiple
    spans = core_spans(side, tile, overlap, multiple)
    assert [i for span in spans for i in range(span.first, span.last)] == list(range(side))
    for span in spans:
        assert span.start == max(0, span.first - overlap)
        assert span.stop == min(side, span.last + overlap)
        assert span.length <= tile


def test_a_blended_border_is_a_smooth_ramp() -> None:
    first, second = blending_weights(overlapping_spans(24, 16, 8))
    assert np.allclose(first[8:] + second[:8], 1)
    assert (np.diff(second[:8]) > 0).all()
    assert second[0] < 0.02
    assert (first[:8] == 1).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(-1e4, 1e4))
def test_statistics_of_parts_are_those_of_the_whole(first: int, second: int, offset: float) -> None:
    x = torch.randn(1, 4, 3, first + second, generator=torch.Generator().manual_seed(first)) + offset
    merged = Statistics.of(x[..., :first], 2).merged(Statistics.of(x[..., first:], 2))
    values = x.double().reshape(2, -1)
    assert torch.allclose(merged.mean, values.mean(1), rtol=1e-9)
    assert torch.allclose(merged.variance, values.var(1, correction=0), rtol=1e-6)
    assert merged.count == values.shape[1]


def small(name: str = "resnet_6blocks", norm: str = "instance", **options: object) -> nn.Module:
    torch.manual_seed(0)
    net = pixlate.create_generator(name, input_nc=3, output_nc=3, ngf=2, norm=norm, **options)
    for weight in net.parameters():
        if weight.dim() > 1:
            weight.data.mul_(4)  # initial weights give outputs that are nearly grey
    return net


def test_the_reach_of_generators() -> None:
    reach = reach_of(tile_network(small()))
    # 12 convolutions of 3×3 at a quarter of the size are 48 of it.
    assert (reach.pixels, reach.stride) == (60, 4)
    assert reach_of(tile_network(small("unet_128"))).stride == 128


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_exact_tiles_of_a_resnet_are_the_whole_image(norm: str) -> None:
    x = landscape(203, 40)
    network = tile_network(small(norm=norm))
    expected = whole(network, x)
    assert (tiled(network, x, tile=188, exact=True) - expected).abs().max() < 2e-5
    assert (tiled(network, x, tile=128, norms="tile") - expected).abs().max() > 0.1


def test_exact_tiles_with_running_statistics_take_one_pass() -> None:
    x = landscape(160, 156)
    network = tile_network(small(norm="batch"), "running")
    translation = TiledTranslation(network, TensorSource(x), TileOptions(144, exact=True))
    assert translation.cost
    assert translation.cost.passes == 1
    assert (translation.whole() - whole(network, x)).abs().max() < 1e-5


def test_exact_tiles_of_a_u_net_are_the_whole_image() -> None:
    x = landscape(700, 128)
    network = tile_network(small("unet_128", "batch"))
    assert (tiled(network, x, tile=640, exact=True) - whole(network, x)).abs().max() < 2e-5


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize(("name", "tile"), [("resnet_6blocks", 512), ("unet_128", 1024)])
def test_exact_tiles_are_the_whole_image_at_2048_pixels(name: str, tile: int, norm: str) -> None:
    torch.manual_seed(0)
    net = pixlate.create_generator(name, input_nc=3, output_nc=3, ngf=8, norm=norm)
    for weight in net.parameters():
        if weight.dim() > 1:
            weight.data.mul_(3)
    network, x = tile_network(net), landscape(2048, 2048)
    expected, y = whole(network, x), tiled(network, x, tile=tile, exact=True)
    levels = [((image + 1) / 2 * 255).to(torch.uint8).int() for image in (expected, y)]
    print(name, norm, float((y - expected).abs().max()), int((levels[0] - levels[1]).abs().max()))
    assert (y - expected).abs().max() < 1e-4
    assert (levels[0] - levels[1]).abs().max() <= 1


def test_statistics_of_the_whole_image_keep_the_colours_of_tiles() -> None:
    """Where the reduced copy has all pixels, tiles differ from the whole image near their ends alone."""
    x = landscape(200, 200)
    network = tile_network(small())
    expected = whole(network, x)
    aware, plain = tiled(network, x, tile=128, overlap=64), tiled(network, x, tile=128, overlap=64, norms="tile")
    assert (aware - expected).abs().mean() * 20 < (plain - expected).abs().mean()


class Norms(nn.Module):
    """Torch's own norms after convolutions."""

    def __init__(self, *norms: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(part for norm in norms for part in (nn.Conv2d(4, 4, 3, padding=1), norm)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(torch.cat([x, x[:, :1]], 1))
        return y[:, :3].tanh()


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.InstanceNorm2d(4, affine=True),
        lambda: nn.GroupNorm(2, 4),
        lambda: nn.BatchNorm2d(4, track_running_stats=False),
        lambda: nn.InstanceNorm2d(4, track_running_stats=True),
    ],
)
def test_norms_of_torch_are_computed_of_the_whole_image(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(1)
    network, x = tile_network(Norms(build(), build())), landscape(50, 64)
    assert (tiled(network, x, tile=32, exact=True) - whole(network, x)).abs().max() < 1e-5
    assert (tiled(network, x, tile=32, overlap=16) - whole(network, x)).abs().max() < 0.05


class Pooling(nn.Module):
    """A generator that looks at the mean of its image."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - F.adaptive_avg_pool2d(x, 1)).tanh()


class Attention(nn.Module):
    """A generator with self-attention over all positions."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2).transpose(1, 2)
        y: Tensor = F.scaled_dot_product_attention(flat, flat, flat).transpose(1, 2).reshape(x.shape)
        return y


@pytest.mark.parametrize(("net", "function"), [(Pooling(), "adaptive_avg_pool2d"), (Attention(), "scaled_dot")])
def test_a_network_that_looks_at_the_whole_image_is_refused_by_name(
    net: nn.Module, function: str, caplog: pytest.LogCaptureFixture
) -> None:
    network, x = tile_network(net), landscape(64, 64)
    with pytest.raises(OptionError, match=f"{type(net).__name__} looks at the whole image by '{function}"):
        tiled(network, x, tile=32, exact=True)
    tiled(network, x, tile=32)
    assert function in caplog.text


class Doubling(nn.Module):
    """Super-resolution by 2, with a stride that it does not declare."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 4, stride=2, padding=1)
        self.norm = nn.InstanceNorm2d(8)
        self.up = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(3, 12, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = F.pixel_shuffle(self.up(self.norm(self.down(x))), 2)
        return y


@pytest.mark.parametrize("size", [(80, 64), (77, 90)])
def test_an_output_of_another_size(size: tuple[int, int]) -> None:
    torch.manual_seed(2)
    net = Doubling()
    plain = tile_network(net)
    network = TileNetwork(plain.run, SideRule(2), 3, Fraction(2))
    x = landscape(*size)
    reflected = ReflectedSource(TensorSource(x), *(network.sides.at_least(side) for side in size))
    expected = network.run(reflected.read(0, reflected.height, 0, reflected.width))[..., : 2 * size[0], : 2 * size[1]]
    for options in ({"exact": True}, {"overlap": 16}):
        y = tiled(network, x, tile=40, **options)
        assert y.shape == expected.shape
        assert (y - expected).abs().max() < (1e-5 if "exact" in options else 0.2)


def test_what_does_not_fit_is_one_sentence() -> None:
    network, x = tile_network(small()), landscape(200, 200)
    with pytest.raises(OptionError, match=r"a tile of 130 pixels does not fit ResnetGenerator.*use 132"):
        tiled(network, x, tile=130)
    with pytest.raises(OptionError, match="an overlap of 65 pixels is more than half"):
        tiled(network, x, tile=128, overlap=65)
    with pytest.raises(OptionError, match="looks as far as 60 pixels, and needs an overlap of 60"):
        tiled(network, x, tile=160, overlap=16, exact=True)
    with pytest.raises(OptionError, match=r"too small for exact tiles with an overlap of 60.*use 124 or more"):
        tiled(network, x, tile=120, exact=True)
    with pytest.raises(OptionError, match="tile is 0"):
        TileOptions(0)
    with pytest.raises(OptionError, match="overlap is -1"):
        TileOptions(64, -1)


def test_progress_and_cost_count_all_passes() -> None:
    calls: list[tuple[int, int]] = []
    network = tile_network(Norms(nn.InstanceNorm2d(4)))
    source = TensorSource(landscape(64, 64))
    translation = TiledTranslation(
        network, source, TileOptions(32, exact=True), lambda done, total: calls.append((done, total))
    )
    assert "2 passes" in str(translation.cost)
    translation.whole()
    total = 2 * len(translation.grid)
    assert calls == [(number, total) for number in range(1, total + 1)]


@pytest.mark.parametrize(("height", "width"), [(300, 500), (1, 900), (64, 64), (1500, 40)])
def test_a_reduced_copy_has_the_mean_of_the_image_and_accepted_sides(height: int, width: int) -> None:
    x = landscape(height, width)
    copy = reduced_copy(TensorSource(x), 2000, SideRule(4, 8))
    assert SideRule(4, 8).fits(*copy.shape[-2:])
    assert copy.shape[-2] * copy.shape[-1] < 8000
    assert (copy.mean((2, 3)) - x.mean((2, 3))).abs().max() < 0.05


def test_the_network_is_not_changed() -> None:
    net = small(norm="batch")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x = landscape(192, 64)
    expected = whole(tile_network(net), x)
    tiled(tile_network(net), x, tile=188, exact=True)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(whole(tile_network(net), x), expected)


class Drawing(nn.Module):
    """A network that draws noise of its own, or leaves out every other position."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.conv, self.how = nn.Conv2d(3, 3, 3, padding=1), how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        if self.how == "randn_like":
            return y + torch.randn_like(y)
        if self.how == "dropout":
            return F.dropout(y, 0.5, True)
        return F.interpolate(y[..., ::2, ::2], scale_factor=2)


@pytest.mark.parametrize("how", ["randn_like", "dropout"])
def test_random_numbers_are_refused_by_exact_tiles_and_said_by_others(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    network, source = tile_network(Drawing(how)), TensorSource(landscape(96, 96))
    with pytest.raises(OptionError, match=f"draws random numbers by '{how}'"):
        TiledTranslation(network, source, TileOptions(tile=48, exact=True)).whole()
    TiledTranslation(network, source, TileOptions(tile=48)).whole()
    assert f"draws random numbers by '{how}'" in caplog.text


def test_a_stride_by_slicing_is_found() -> None:
    network, x = tile_network(Drawing("slice")), landscape(90, 90)
    assert reach_of(network).stride == 2
    found = TiledTranslation(network, TensorSource(x), TileOptions(tile=40, exact=True)).whole()
    assert torch.allclose(found, network.run(x), atol=1e-5)


@pytest.mark.parametrize(
    "values", [{"tile": 512.0}, {"tile": "512"}, {"overlap": 1.5}, {"norms": "foo"}, {"tile": None}]
)
def test_options_of_the_wrong_kind_are_a_sentence(values: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="must be"):
        TileOptions(**values)
