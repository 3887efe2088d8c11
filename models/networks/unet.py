"""The generator of pix2pix: a U-Net that encodes the image down to a single pixel.

P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, "Image-to-image translation with conditional adversarial networks"
(CVPR 2017), section 3.2.1 and appendix 6.1.1, after O. Ronneberger, P. Fischer, T. Brox, "U-Net" (MICCAI 2015). In
the paper's notation, for 256 pixels:

    encoder   C64-C128-C256-C512-C512-C512-C512-C512
    decoder   CD512-CD512-CD512-C512-C256-C128-C64

Ck is a 4×4 convolution of stride 2, norm and (leaky) ReLU; CDk also has dropout; each decoder layer also receives the
output of the encoder layer of the same size (skip connections). The network is built from nested levels:

    x ── leaky ReLU ── conv ── norm ── [next level] ── ReLU ── transposed conv ── norm ── (+) ── out
      └───────────────────────────────────────────────────────────── skip connection ─────┘
"""

import torch
from torch import Tensor, nn

from .convolutions import InnerConv2d, InnerConvTranspose2d
from .layers import Dropout
from .norms import NormFactory, conv_bias


class _Level(nn.Module):
    """One level: its input concatenated with its layers' output; N×C×H×W to N×2C×H×W.

    The first layer is an in-place activation, so that the skip connection carries its output, not the input, as in the
    reference. This makes no difference, because the ReLU that follows maps both to the same values.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.model(x)], 1)


class _Outermost(_Level):
    """The outermost level, from image to image; it has no skip connection."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


class UnetGenerator(nn.Module):
    """A U-Net of n_levels levels: N×input_nc×H×W images to N×output_nc×H×W in [-1, 1].

    H and W must be multiples of 2**n_levels.
    """

    def __init__(
        self, input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool, n_levels: int
    ) -> None:
        super().__init__()
        self.size_multiple = self.minimum_size = 2**n_levels
        bias = conv_bias(norm)

        def halve(wide: int, narrow: int) -> nn.Module:
            return InnerConv2d(wide, narrow, 4, stride=2, padding=1, bias=bias)

        def double(narrow: int, wide: int) -> nn.Module:
            return InnerConvTranspose2d(narrow, wide, 4, stride=2, padding=1, bias=bias)

        def leaky() -> nn.Module:
            return nn.LeakyReLU(0.2, inplace=True)

        def relu() -> nn.Module:
            return nn.ReLU(inplace=True)

        def level(outer: int, inner: int, within: nn.Module, *last: nn.Module) -> nn.Module:
            down = [leaky(), halve(outer, inner), norm(inner)]
            up = [relu(), double(2 * inner, outer), norm(outer), *last]
            return _Level(*down, within, *up)

        def dropout() -> list[nn.Module]:
            return [Dropout(0.5)] if use_dropout else []

        widest = 8 * ngf
        # From the innermost level outwards. The innermost has no norm after its convolution: the instance norm of a
        # single pixel is zero, whatever its value.
        net: nn.Module = _Level(leaky(), halve(widest, widest), relu(), double(widest, widest), norm(widest))
        for _ in range(n_levels - 5):
            net = level(widest, widest, net, *dropout())
        for outer in (4 * ngf, 2 * ngf, ngf):
            net = level(outer, 2 * outer, net)
        to_image = nn.ConvTranspose2d(2 * ngf, output_nc, 4, stride=2, padding=1)
        self.model = _Outermost(halve(input_nc, ngf), net, relu(), to_image, nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


def unet_256(input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool) -> UnetGenerator:
    """The U-Net of 8 levels, for sides that are multiples of 256."""
    return UnetGenerator(input_nc, output_nc, ngf, norm, use_dropout, n_levels=8)


def unet_128(input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool) -> UnetGenerator:
    """The U-Net of 7 levels, for sides that are multiples of 128."""
    return UnetGenerator(input_nc, output_nc, ngf, norm, use_dropout, n_levels=7)
