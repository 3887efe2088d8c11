"""The generator of CycleGAN: residual blocks between two downsampling and two upsampling layers.

J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution" (ECCV
2016), as J.-Y. Zhu, T. Park, P. Isola, A. A. Efros, "Unpaired image-to-image translation using
cycle-consistent adversarial networks" (ICCV 2017), use it (appendix 7.2). In the latter's notation, with n of 6 or 9:

    c7s1-64, d128, d256, n × R256, u128, u64, c7s1-3

c7s1-k is a 7×7 convolution, norm and ReLU; dk a 3×3 convolution of stride 2, norm and ReLU; Rk two 3×3
convolutions with a skip connection; uk a 3×3 transposed convolution of stride 2, norm and ReLU. The last layer ends
in tanh. Borders are padded by reflection, which avoids artifacts there.
"""

import itertools

from torch import Tensor, nn

from .convolutions import NarrowConv2d
from .layers import Dropout, ReflectionPad
from .norms import NormFactory, conv_bias


class ResnetBlock(nn.Module):
    """Rk: x + conv(relu(conv(x))) for N×k×H×W, each convolution followed by a norm; no ReLU after the sum.

    The layers' indices are part of the weights' names in a state_dict, and dropout shifts them: see `architecture.py`.
    """

    def __init__(self, channels: int, norm: NormFactory, use_dropout: bool) -> None:
        super().__init__()
        bias = conv_bias(norm)
        self.conv_block = nn.Sequential(
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm(channels),
            nn.ReLU(inplace=True),
            *([Dropout(0.5)] if use_dropout else []),
            ReflectionPad(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.conv_block(x)
        return x + residual


class ResnetGenerator(nn.Module):
    """c7s1-ngf, d(2 ngf), d(4 ngf), n_blocks × R(4 ngf), u(2 ngf), u(ngf), c7s1-output_nc.

    N×input_nc×H×W images to N×output_nc×H×W in [-1, 1]; for H and W that are no multiples of 4, the output has the next
    larger ones.
    """

    size_multiple = 4
    rounds_size_up = True
    minimum_size = 8  # at a quarter of the size, reflection padding of 1 needs two pixels

    def __init__(
        self, input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool, n_blocks: int
    ) -> None:
        super().__init__()
        bias = conv_bias(norm)
        widths = (ngf, 2 * ngf, 4 * ngf)

        layers: list[nn.Module] = [ReflectionPad(3), nn.Conv2d(input_nc, ngf, 7, bias=bias)]
        layers += [norm(ngf), nn.ReLU(inplace=True)]
        for narrow, wide in itertools.pairwise(widths):
            layers += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=bias)]
            layers += [norm(wide), nn.ReLU(inplace=True)]
        layers += [ResnetBlock(widths[-1], norm, use_dropout) for _ in range(n_blocks)]
        for wide, narrow in itertools.pairwise(reversed(widths)):
            layers += [nn.ConvTranspose2d(wide, narrow, 3, stride=2, padding=1, output_padding=1, bias=bias)]
            layers += [norm(narrow), nn.ReLU(inplace=True)]
        layers += [ReflectionPad(3), NarrowConv2d(ngf, output_nc, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


def resnet_9blocks(input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool) -> ResnetGenerator:
    """The generator of 9 residual blocks, for images of 256 pixels and more."""
    return ResnetGenerator(input_nc, output_nc, ngf, norm, use_dropout, n_blocks=9)


def resnet_6blocks(input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool) -> ResnetGenerator:
    """The generator of 6 residual blocks, for images of 128 pixels."""
    return ResnetGenerator(input_nc, output_nc, ngf, norm, use_dropout, n_blocks=6)
