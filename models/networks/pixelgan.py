"""The 1×1 discriminator of pix2pix: it judges every pixel by itself.

P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, "Image-to-image translation with conditional adversarial networks"
(CVPR 2017), there "PixelGAN": C64-C128 and a convolution to one channel, all of them 1×1. It asks for more
varied colours and says nothing about structure.
"""

from torch import Tensor, nn

from .norms import NormFactory, conv_bias


class PixelDiscriminator(nn.Module):
    """N×C×H×W to N×1×H×W: how real each pixel looks (before any sigmoid)."""

    minimum_size = 2

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


def pixel(input_nc: int, ndf: int, n_layers: int, norm: NormFactory) -> PixelDiscriminator:
    """The discriminator of single pixels; it has no depth to choose."""
    return PixelDiscriminator(input_nc, ndf, norm)
