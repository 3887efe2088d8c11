"""Distillation: a small generator, the student, learns the outputs of a trained one, its teacher.

After Muyang Li, Ji Lin, Yaoyao Ding, Zhijian Liu, Jun-Yan Zhu, Song Han, "GAN Compression: Efficient Architectures for
Interactive Conditional GANs" (CVPR 2020, arXiv:2003.08936). With the teacher G' and the student G,

    L = lambda_GAN * L_cGAN + lambda_L1 * E ||G(x) - G'(x)||_1

is the objective of its section 3.1 with the reconstruction loss of Eq. 1 towards the teacher's outputs in all cases,
and without the loss between inner features. Each input x has one output G'(x), so that the L1 loss does not average
over several: the adversarial loss is off by default, and with it the discriminator.

The outputs are data: the side B of pairs that `pixlate distill` writes. So a teacher may be any model.
"""

import torch
from torch import Tensor
from torch.nn.functional import interpolate, l1_loss

from pixlate.models.execution.net import frozen
from pixlate.options.shared import ModelOptions

from .base import BaseModel
from .batch import Batch, StepResult
from .configs import DistillationConfig
from .context import ModelContext
from .label_loss import label_cross_entropy


class Distillation(BaseModel[DistillationConfig]):
    """Losses: G_L1 (G_CE between labels); with `--lambda_GAN` also G_GAN, D_real, D_fake.

    Images: real_A (x), fake_B (G(x)), real_B (the teacher's output). Where B has another size than A, x is resized to
    it first.
    """

    def __init__(self, config: DistillationConfig, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        target = (context.fields or {}).get("B")
        if target is not None:
            self.output_scale = target.scale
        self.name_of_loss = "G_CE" if target is not None and target.kind == "labels" else "G_L1"
        self.watched_losses = (self.name_of_loss,)
        self.G = self.generator("G", shared.input_nc, shared.output_nc)
        self.average(self.G)
        if self.train:
            self.add_optimizer("G", self.G)
        if self.train and config.lambda_GAN:
            self.D = self.discriminator("D", shared.input_nc + shared.output_nc)
            self.loss_GAN = self.gan_loss()
            self.updates_every = {"G": shared.n_D_steps}
            self.add_optimizer("D", self.D)

    def step(self, batch: Batch) -> StepResult:
        x, y = batch["A"], batch["B"]
        G_x = self._student(x)
        terms, D_losses = {}, {}
        if self.config.lambda_GAN:
            x = self._resized(x)
            D_losses = self._update_discriminator(x, G_x.detach(), y)
            with frozen(self.D):
                logits = self.D(torch.cat([x, G_x], 1))
            terms["G_GAN"] = self.config.lambda_GAN * self.loss_GAN.generator(logits)
        difference = label_cross_entropy(G_x, y) if self.name_of_loss == "G_CE" else l1_loss(G_x, y)
        terms[self.name_of_loss] = self.config.lambda_L1 * difference
        images = {"real_A": batch["A"], "fake_B": G_x, "real_B": y}
        terms |= self.extra_generator_losses(batch, images)
        self.update("G", self.objective(terms))
        return StepResult({**terms, **D_losses}, images)

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        images = {"real_A": batch["A"], "fake_B": self._student(batch["A"])}
        return images | {"real_B": batch["B"]} if "B" in batch else images

    def _student(self, x: Tensor) -> Tensor:
        G_x: Tensor = self.G(self._resized(x))
        return G_x

    def _resized(self, x: Tensor) -> Tensor:
        """The input in the size of the output."""
        if self.output_scale == 1:
            return x
        size = [round(side * self.output_scale) for side in x.shape[-2:]]
        return interpolate(x, size, mode="bicubic", antialias=True).clamp(-1, 1)

    def _update_discriminator(self, x: Tensor, G_x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Update D as pix2pix does: the teacher's outputs are real, those of the student fake."""
        real, fake = torch.cat([x, y], 1), torch.cat([x, G_x], 1)
        logits_fake, logits_real = self.D.each(fake, real)
        D_fake, D_real = self.loss_GAN.fake(logits_fake), self.loss_GAN.real(logits_real)
        self.update("D", 0.5 * (D_fake + D_real) + self.penalty(self.D, real, fake))
        return {"D_real": D_real, "D_fake": D_fake}
