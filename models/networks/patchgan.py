"""The discriminators of pix2pix and CycleGAN, which classify overlapping patches of an image independently.

P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, "Image-to-image translation with conditional adversarial networks"
(CVPR 2017), section 3.2.2 and appendix 6.1.2, after C. Li and M. Wand, "Precomputed real-time texture synthesis with
Markovian generative adversarial networks" (ECCV 2016). In the paper's notation, for patches of 70×70 pixels:

    C64-C128-C256-C512, and a convolution to one channel

Ck is a 4×4 convolution, norm and leaky ReLU; the first has no norm; all but the last Ck have stride 2.

    n_layers                        1     2     3     4     5
    side of a patch, in pixels     16    34    70   142   286
    patches along 256 pixels      126    62    30    14     6

For patches of 1×1 pixel ("PixelGAN") it is C64-C128 and a convolution to one channel, all of them 1×1. That
discriminator encourages more varied colours and does not see structure (section 4.4 of the paper).
"""

import itertools

from torch import Tensor, nn

from .norms import NormFactory, conv_bias


class NLayerDiscriminator(nn.Module):
    """The PatchGAN: N×C×H×W images to N×1×h×w logits, one for each patch."""

    def __init__(self, input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> None:
        super().__init__()
        # Each of the last two convolutions, of stride 1, reduces the side by one: from three pixels to one logit.
        self.minimum_size = 3 * 2**n_layers
        bias = conv_bias(norm)
        # From layer to layer the channels double, up to 8 ndf.
        widths = [ndf * min(2**n, 8) for n in range(n_layers + 1)]

        layers: list[nn.Module] = [nn.Conv2d(input_nc, ndf, 4, stride=2, padding=1)]
        layers += [nn.LeakyReLU(0.2, inplace=True)]
        for n, (narrow, wide) in enumerate(itertools.pairwise(widths), start=1):
            stride = 2 if n < n_layers else 1
            layers += [nn.Conv2d(narrow, wide, 4, stride=stride, padding=1, bias=bias)]
            layers += [norm(wide), nn.LeakyReLU(0.2, inplace=True)]
        layers += [nn.Conv2d(widths[-1], 1, 4, padding=1)]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


class PixelDiscriminator(nn.Module):
    """The PixelGAN: N×C×H×W images to N×1×H×W logits, one for each pixel."""

    minimum_size = 2  # in training, norms need more than one value per channel

    def __init__(self, input_nc: int, ndf: int, norm: NormFactory) -> None:
        super().__init__()
        bias = conv_bias(norm)
        self.net = nn.Sequential(
            nn.Conv2d(input_nc, ndf, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, 2 * ndf, 1, bias=bias),
            norm(2 * ndf),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(2 * ndf, 1, 1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


def n_layers(input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> NLayerDiscriminator:
    """A PatchGAN of the given depth."""
    return NLayerDiscriminator(input_nc, ndf, n_layers, norm)


def basic(input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> NLayerDiscriminator:
    """The PatchGAN of 70×70 patches; `n_layers` is ignored."""
    return NLayerDiscriminator(input_nc, ndf, 3, norm)


def pixel(input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> PixelDiscriminator:
    """The PixelGAN; `n_layers` is ignored."""
    return PixelDiscriminator(input_nc, ndf, norm)
