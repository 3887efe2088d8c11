"""The discriminator of pix2pix and CycleGAN: it judges overlapping patches, each on its own.

P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, "Image-to-image translation with conditional adversarial networks"
(CVPR 2017), after C. Li and M. Wand, "Precomputed real-time texture synthesis with Markovian generative
adversarial networks" (ECCV 2016). In the paper's notation, for patches of 70×70 pixels:

    C64-C128-C256-C512, and a convolution to one channel

Ck is a 4×4 convolution, norm and leaky ReLU; the first has no norm; all but the last Ck halve the image.

    n_layers                        1     2     3     4     5
    side of a patch, in pixels     16    34    70   142   286
    patches along 256 pixels      126    62    30    14     6
"""

import itertools

from torch import Tensor, nn

from .norms import NormFactory, conv_bias


class NLayerDiscriminator(nn.Module):
    """N×C×H×W to N×1×h×w, one number for each patch: how real it looks (before any sigmoid)."""

    def __init__(self, input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> None:
        super().__init__()
        self.minimum_size = 3 * 2**n_layers
        bias = conv_bias(norm)
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


def n_layers(input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> NLayerDiscriminator:
    """A PatchGAN of the given depth."""
    return NLayerDiscriminator(input_nc, ndf, n_layers, norm)


def basic(input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> NLayerDiscriminator:
    """The PatchGAN of 70×70 patches, whatever `n_layers` says."""
    return NLayerDiscriminator(input_nc, ndf, 3, norm)
