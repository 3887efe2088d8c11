"""The networks of CUT: pixlate's residual generator and PatchGAN with blurred down- and upsamplings.

R. Zhang, "Making convolutional networks shift-invariant again" (ICML 2019): a convolution runs at the full size and
its output is blurred before every second pixel is dropped, so that features do not alias when the image shifts.
Names and shapes of all weights are those of the published CUT, whose checkpoints load here and the other way round.
"""

import itertools
from collections.abc import Sequence

import torch
from pixlate.models.networks import NormFactory, ReflectionPad, ResnetBlock, ResnetGenerator, conv_bias
from torch import Tensor, nn
from torch.nn import functional as F


def blur_weights(*taps: float) -> Tensor:
    """A separable blur with the same taps in both directions; its weights sum to 1."""
    line = torch.tensor(taps) / sum(taps)
    return torch.outer(line, line)


class Downsample(nn.Module):
    """Blur with 1-2-1 and keep every second pixel: N×C×H×W to N×C×⌈H/2⌉×⌈W/2⌉."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", blur_weights(1, 2, 1).repeat(channels, 1, 1, 1))
        self.pad = ReflectionPad(1)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.pad(x), self.filt, stride=2, groups=x.shape[1])


class Upsample(nn.Module):
    """Double the size and blur with 1-3-3-1, which is bilinear interpolation: N×C×H×W to N×C×2H×2W."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # The published network convolves with this filter, so that its checkpoints contain it.
        self.register_buffer("filt", 4 * blur_weights(1, 3, 3, 1).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class FeatureGenerator(nn.Module):
    """A generator that is a sequence of layers and can return the features of any of them.

    Called with an image, it returns the translation. Called with `layers` too, numbers below `feature_layers` in
    ascending order, it returns the list of those layers' outputs, and computes no layer after the last of them.
    """

    size_multiple = 4
    minimum_size = 8
    model: nn.Sequential

    @property
    def feature_layers(self) -> int:
        """The number of layers."""
        return len(self.model)

    def forward(self, x: Tensor, layers: Sequence[int] = ()) -> Tensor | list[Tensor]:
        features = []
        for number, layer in enumerate(self.model):
            x = layer(x)
            if number in layers:
                features.append(x)
            if len(features) == len(layers) > 0:
                return features
        return x


class CutResnetGenerator(FeatureGenerator):
    """c7s1-ngf, d(2 ngf), d(4 ngf), n_blocks × R(4 ngf), u(2 ngf), u(ngf), c7s1-output_nc, without aliasing.

    The notation is that of `pixlate.models.networks.resnet`; here dk is a 3×3 convolution, norm, ReLU and Downsample,
    uk is Upsample, a 3×3 convolution, norm and ReLU. N×input_nc×H×W to N×output_nc×H×W in [-1, 1].
    """

    def __init__(
        self, input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool, n_blocks: int
    ) -> None:
        super().__init__()
        bias = conv_bias(norm)
        widths = (ngf, 2 * ngf, 4 * ngf)

        def conv(input_nc: int, output_nc: int) -> list[nn.Module]:
            convolution = nn.Conv2d(input_nc, output_nc, 3, padding=1, bias=bias)
            return [convolution, norm(output_nc), nn.ReLU(inplace=True)]

        layers: list[nn.Module] = [ReflectionPad(3), nn.Conv2d(input_nc, ngf, 7, bias=bias)]
        layers += [norm(ngf), nn.ReLU(inplace=True)]
        for narrow, wide in itertools.pairwise(widths):
            layers += [*conv(narrow, wide), Downsample(wide)]
        layers += [ResnetBlock(widths[-1], norm, use_dropout) for _ in range(n_blocks)]
        for wide, narrow in itertools.pairwise(reversed(widths)):
            layers += [Upsample(wide), *conv(wide, narrow)]
        layers += [ReflectionPad(3), nn.Conv2d(ngf, output_nc, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)


class PlainResnetGenerator(FeatureGenerator):
    """pixlate's own residual generator, weight for weight, with its features."""

    def __init__(
        self, input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool, n_blocks: int
    ) -> None:
        super().__init__()
        self.model = ResnetGenerator(input_nc, output_nc, ngf, norm, use_dropout, n_blocks).model


class CutDiscriminator(nn.Module):
    """A PatchGAN of convolutions at full size, each followed by Downsample: N×C×H×W to N×1×h×w logits."""

    def __init__(self, input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> None:
        super().__init__()
        self.minimum_size = 3 * 2**n_layers
        bias = conv_bias(norm)
        widths = [ndf * min(2**n, 8) for n in range(n_layers + 1)]

        layers: list[nn.Module] = [nn.Conv2d(input_nc, ndf, 4, padding=1)]
        layers += [nn.LeakyReLU(0.2, inplace=True), Downsample(ndf)]
        for n, (narrow, wide) in enumerate(itertools.pairwise(widths), start=1):
            layers += [nn.Conv2d(narrow, wide, 4, padding=1, bias=bias), norm(wide), nn.LeakyReLU(0.2, inplace=True)]
            if n < n_layers:
                layers += [Downsample(wide)]
        layers += [nn.Conv2d(widths[-1], 1, 4, padding=1)]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


def cut_resnet_9blocks(
    input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool
) -> CutResnetGenerator:
    """The generator for images of 256 pixels and more."""
    return CutResnetGenerator(input_nc, output_nc, ngf, norm, use_dropout, n_blocks=9)


def cut_resnet_6blocks(
    input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool
) -> CutResnetGenerator:
    """The generator for images of 128 pixels."""
    return CutResnetGenerator(input_nc, output_nc, ngf, norm, use_dropout, n_blocks=6)


def cut_plain_resnet_9blocks(
    input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool
) -> PlainResnetGenerator:
    """pixlate's resnet_9blocks, with its features."""
    return PlainResnetGenerator(input_nc, output_nc, ngf, norm, use_dropout, n_blocks=9)


def cut_plain_resnet_6blocks(
    input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool
) -> PlainResnetGenerator:
    """pixlate's resnet_6blocks, with its features."""
    return PlainResnetGenerator(input_nc, output_nc, ngf, norm, use_dropout, n_blocks=6)


def cut_n_layers(input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> CutDiscriminator:
    """A PatchGAN of the given depth."""
    return CutDiscriminator(input_nc, ndf, n_layers, norm)


def cut_basic(input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> CutDiscriminator:
    """The PatchGAN of three downsamplings; `n_layers` is ignored."""
    return CutDiscriminator(input_nc, ndf, 3, norm)
