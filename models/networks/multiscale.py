"""The multi-scale discriminator of pix2pixHD: PatchGANs that see the image at several sizes.

T.-C. Wang, M.-Y. Liu, J.-Y. Zhu, A. Tao, J. Kautz, B. Catanzaro, "High-resolution image synthesis and semantic
manipulation with conditional GANs" (CVPR 2018), section 3.2: discriminators D1, D2, … of identical structure, for the
image and for its averages over 2, 4, … pixels. The coarsest one has the largest receptive field and sees whether the
whole is consistent, the finest one sees details.
"""

from torch import Tensor, nn

from .norms import NormFactory
from .patchgan import NLayerDiscriminator


class MultiscaleDiscriminator(nn.Module):
    """N×C×H×W images to a list of logits, N×1×h×w for each scale, the finest first."""

    def __init__(self, input_nc: int, ndf: int, n_layers: int, norm: NormFactory, num_D: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(NLayerDiscriminator(input_nc, ndf, n_layers, norm) for _ in range(num_D))
        self.downsample = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.minimum_size = 3 * 2 ** (n_layers + num_D - 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        logits = []
        for scale, D in enumerate(self.scales):
            x = self.downsample(x) if scale else x
            logits.append(D(x))
        return logits


def multiscale(input_nc: int, ndf: int, n_layers: int, norm: NormFactory, num_D: int = 3) -> MultiscaleDiscriminator:
    """PatchGANs of the given depth on `num_D` scales."""
    return MultiscaleDiscriminator(input_nc, ndf, n_layers, norm, num_D)
