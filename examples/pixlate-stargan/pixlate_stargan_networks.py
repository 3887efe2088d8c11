"""The networks of StarGAN (appendix of the paper, tables 4 and 5)."""

import itertools

from pixlate.models.networks import NormFactory, ReflectionPad, ResnetBlock, conv_bias
from torch import Tensor, nn


class ConditionalResnet(nn.Module):
    """c7s1-ngf, d(2 ngf), d(4 ngf), 6 × R(4 ngf), u(2 ngf), u(ngf), c7s1-output_nc, as pixlate's resnet_6blocks.

    The first layer has no norm. Its input includes the domain as maps of one value, whose effect on its output is a
    constant in each channel, and instance norm subtracts constants. (The authors' network has that norm: the domain
    reaches it through the zeros around the image alone.)
    """

    size_multiple = 4
    minimum_size = 8

    def __init__(self, input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool) -> None:
        super().__init__()
        bias = conv_bias(norm)
        widths = (ngf, 2 * ngf, 4 * ngf)
        layers: list[nn.Module] = [ReflectionPad(3), nn.Conv2d(input_nc, ngf, 7), nn.ReLU()]
        for narrow, wide in itertools.pairwise(widths):
            layers += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=bias), norm(wide), nn.ReLU()]
        layers += [ResnetBlock(widths[-1], norm, use_dropout) for _ in range(6)]
        for wide, narrow in itertools.pairwise(reversed(widths)):
            layers += [nn.ConvTranspose2d(wide, narrow, 3, stride=2, padding=1, output_padding=1, bias=bias)]
            layers += [norm(narrow), nn.ReLU()]
        layers += [ReflectionPad(3), nn.Conv2d(ngf, output_nc, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


class Discriminator(nn.Module):
    """Convolutions of stride 2 without norms, then a head for patches (D_src) and one for the image's domain (D_cls).

    N×C×H×W to N×1×h×w logits and N×classes logits. Table 5 of the paper, where n_layers is 6 for images of 128 pixels.
    """

    def __init__(self, input_nc: int, ndf: int, n_layers: int, classes: int, size: tuple[int, int]) -> None:
        super().__init__()
        # No layer may see less than one pixel: smaller images have fewer layers.
        n_layers = min(n_layers, min(size).bit_length() - 1)
        widths = [input_nc, *(ndf * 2**n for n in range(n_layers))]
        layers: list[nn.Module] = []
        for narrow, wide in itertools.pairwise(widths):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.LeakyReLU(0.01)]
        self.main = nn.Sequential(*layers)
        self.src = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.cls = nn.Conv2d(widths[-1], classes, (size[0] >> n_layers, size[1] >> n_layers), bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.main(x)
        return self.src(features), self.cls(features).mean((2, 3))
