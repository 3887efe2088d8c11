"""pix2pix: Image-to-Image Translation with Conditional Adversarial Networks.

Phillip Isola, Jun-Yan Zhu, Tinghui Zhou, Alexei A. Efros, CVPR 2017, arXiv:1611.07004. A generator G translates the
input x into the output y; a discriminator D classifies pairs (x, y) as real and (x, G(x)) as fake. The paper's noise z
is the dropout inside G (section 3.1). Equation and section numbers are those of the arXiv version.
"""

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from pixlate.errors import OptionError
from pixlate.models.execution.net import frozen
from pixlate.options.shared import ModelOptions

from .base import BaseModel
from .batch import Batch, StepResult
from .configs import Pix2PixConfig
from .context import ModelContext
from .label_loss import label_cross_entropy, require_labels
from .structure import require_images, structure_losses


class Pix2Pix(BaseModel[Pix2PixConfig]):
    """Losses: G_GAN, G_L1 (or G_CE), D_real, D_fake. Images: real_A (x), fake_B (G(x)), real_B (y)."""

    watched_losses = ("G_L1",)

    def __init__(self, config: Pix2PixConfig, shared: ModelOptions, context: ModelContext) -> None:
        # Between labels the L1 loss of Eq. 3 may be replaced by the cross-entropy of their classes.
        self.cross_entropy = config.label_loss == "cross_entropy"
        if self.cross_entropy:
            require_labels(context)
            self.watched_losses = ("G_CE",)
        if config.lambda_structure:
            require_images(context)
        if config.composite and shared.input_nc != shared.output_nc:
            raise OptionError(
                f"--composite shows the input in the output, so both need the same number of channels: they have "
                f"{shared.input_nc} and {shared.output_nc}."
            )
        super().__init__(config, shared, context)
        self.G = self.generator("G", shared.input_nc, shared.output_nc)
        self.average(self.G)
        if self.train:
            self.D = self.discriminator("D", shared.input_nc + shared.output_nc)
            self.loss_GAN = self.gan_loss()
            self.updates_every = {"G": shared.n_D_steps}
            self.add_optimizer("G", self.G)
            self.add_optimizer("D", self.D)

    def step(self, batch: Batch) -> StepResult:
        x, y = batch["A"], batch["B"]
        G_x = self.G(x)

        # D maximises L_cGAN(G, D) (Eq. 1); its objective is halved, which slows D relative to G (section 3.3).
        # G_x is detached: this update is D's alone.
        real, fake = torch.cat([x, y], 1), torch.cat([x, G_x.detach()], 1)
        logits_fake, logits_real = self.D.each(fake, real)
        D_fake, D_real = self.loss_GAN.fake(logits_fake), self.loss_GAN.real(logits_real)
        self.update("D", 0.5 * (D_fake + D_real) + self.penalty(self.D, real, fake))

        # G minimises L_cGAN(G, D) + lambda * L_L1(G) (Eq. 4, with L_L1 of Eq. 3), against the D just updated.
        with frozen(self.D):
            G_GAN = self.loss_GAN.generator(self.D(torch.cat([x, G_x], 1)))
        G_L1 = self.config.lambda_L1 * self._pixel_loss(G_x, y, batch)
        images = {"real_A": x, "fake_B": G_x, "real_B": y}
        terms = {"G_GAN": G_GAN, "G_CE" if self.cross_entropy else "G_L1": G_L1}
        terms |= structure_losses(self.config.lambda_structure, {"G_structure": (x, G_x)})
        terms |= self.extra_generator_losses(batch, images)
        self.update("G", self.objective(terms))

        return StepResult({**terms, "D_real": D_real, "D_fake": D_fake}, images)

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        x, G_x = batch["A"], self.G(batch["A"])
        if self.config.composite and "mask" in batch:
            G_x = torch.lerp(x, G_x, mask_of(batch))
        images = {"real_A": x, "fake_B": G_x}
        return images | {"real_B": batch["B"]} if "B" in batch else images

    def _pixel_loss(self, G_x: Tensor, y: Tensor, batch: Batch) -> Tensor:
        """L_L1(G) of Eq. 3; between labels on request the cross-entropy, and weighted by a mask."""
        if self.cross_entropy:
            return label_cross_entropy(G_x, y)
        if self.config.lambda_mask and "mask" in batch:
            return ((1 + self.config.lambda_mask * mask_of(batch)) * (G_x - y).abs()).mean()
        return l1_loss(G_x, y)


def mask_of(batch: Batch) -> Tensor:
    """The mask of a batch, N×1×H×W from 0 to 1."""
    mask: Tensor = batch["mask"]
    return (mask + 1) / 2
