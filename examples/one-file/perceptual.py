"""pix2pix with a perceptual loss: a plugin of pixlate in one file.

    pixlate train --plugin perceptual.py --model pix2pix_perceptual --vgg_weights vgg16.pth --dataroot ./facades

The generator's objective gets a further term, the distance between features of its output and of the target
(J. Johnson, A. Alahi, L. Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016,
arXiv:1603.08155). The features are those of a VGG-16 that is not trained: torchvision's weights, in the file that
`--vgg_weights` names. Without it the network has random weights, whose features compare textures only roughly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss
from torchvision.models import vgg16

from pixlate.errors import CheckpointError
from pixlate.models import Batch, ModelContext, ModelOptions, Pix2Pix, Pix2PixConfig, load_weights
from pixlate.plugins import FiniteFloat, Register, hookimpl, option

LAYERS = 16  # of the network's features: up to relu3_3
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the images that the network was trained with


@dataclass(frozen=True)
class PerceptualConfig(Pix2PixConfig):
    """Options of the model: those of pix2pix, and two of its own."""

    lambda_perceptual: float = option(10.0, "weight of the perceptual loss", type=FiniteFloat(min=0))
    vgg_weights: str = option("", "file with the weights of torchvision's vgg16", metavar="FILE")


class PerceptualPix2Pix(Pix2Pix):
    """Losses: those of pix2pix, and G_perceptual."""

    config: PerceptualConfig

    def __init__(self, config: PerceptualConfig, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        if self.train:
            self.features = self.add_network("vgg", lambda: vgg_features(config.vgg_weights), init=False, trained=False)

    def extra_generator_losses(self, batch: Batch, images: Mapping[str, Tensor]) -> dict[str, Tensor]:
        fake, real = (self.features(_normalised(images[label])) for label in ("fake_B", "real_B"))
        return {"G_perceptual": self.config.lambda_perceptual * l1_loss(fake, real)}


def vgg_features(weights: str) -> nn.Module:
    """The first layers of VGG-16: N×3×H×W to N×256×H/4×W/4. Raises CheckpointError for a file that does not fit."""
    network = vgg16(weights=None)
    if weights:
        if not Path(weights).is_file():
            raise CheckpointError(f"--vgg_weights: there is no file '{weights}'.")
        load_weights(network, Path(weights))
    return nn.Sequential(*list(network.features)[:LAYERS])


def _normalised(image: Tensor) -> Tensor:
    """From [-1, 1], with one channel or three, to what the network was trained with."""
    rgb = (image.expand(-1, 3, -1, -1) + 1) / 2
    mean, deviation = (torch.tensor(values).to(rgb)[:, None, None] for values in (MEAN, DEVIATION))
    return (rgb - mean) / deviation


@hookimpl
def register_models(register: Register) -> None:
    register(
        "pix2pix_perceptual",
        PerceptualPix2Pix,
        config=PerceptualConfig,
        help="pix2pix with a perceptual loss (Johnson et al. 2016)",
        defaults={
            "dataset_mode": "aligned",
            "norm": "batch",
            "netG": "unet_256",
            "gan_mode": "vanilla",
            "pool_size": 0,
        },
    )
