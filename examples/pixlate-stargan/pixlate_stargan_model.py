"""StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation.

Y. Choi, M. Choi, M. Kim, J.-W. Ha, S. Kim, J. Choo, CVPR 2018, arXiv:1711.09020. One generator G translates an image x
into the domain c: G(x, c). A discriminator D tells real from fake images, D_src, and classifies their domain, D_cls.
Equation numbers are those of the arXiv version.
"""

import torch
from pixlate.errors import OptionError
from pixlate.models import BaseModel, Batch, ModelContext, ModelOptions, StepResult, frozen, gradient_penalty
from torch import Tensor
from torch.nn.functional import cross_entropy, l1_loss, one_hot

from pixlate_stargan import StarGANConfig
from pixlate_stargan_networks import Discriminator


class StarGAN(BaseModel[StarGANConfig]):
    """Losses: D_src, D_cls, G_src, G_cls, G_rec. Images: real_A (x), fake (G(x, c)), rec_A; at test one per domain."""

    watched_losses = ("G_rec",)

    def __init__(self, config: StarGANConfig, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        field = (context.fields or {}).get("class")
        if field is None or field.kind != "category":
            raise OptionError("model 'stargan' needs images of several domains: use --dataset_mode domains.")
        self.domains = field.names or tuple(map(str, range(field.classes)))
        self.G = self.generator("G", shared.input_nc + len(self.domains), shared.output_nc)
        self.average(self.G)
        self.updates_every = {"G": config.n_critic}
        if self.train:
            self.loss_src = self.gan_loss()
            self.add_optimizer("G", self.G)

    def prepare(self, batch: Batch) -> None:
        """Build D, whose classifier covers the whole image."""
        if self.train:
            x, shared = batch["A"], self.shared
            size = (x.shape[2], x.shape[3])
            self.D = self.add_network(
                "D", lambda: Discriminator(x.shape[1], shared.ndf, shared.n_layers_D, len(self.domains), size)
            )
            self.add_optimizer("D", self.D)

    def step(self, batch: Batch) -> StepResult:
        x, c_original, c = batch["A"], batch["class"], batch["target"]

        # D minimises L_D = -L_adv + lambda_cls L_cls^r (Eq. 5): the domain of real images (Eq. 2).
        with torch.no_grad():
            fake = self._translate(x, c)
        src_real, cls_real = self.D(x)
        D_src = self.loss_src.real(src_real) + self.loss_src.fake(self.D(fake)[0])
        D_cls = self.config.lambda_cls * cross_entropy(cls_real, c_original)
        self.update("D", D_src + D_cls + self._penalty(x, fake))

        # G minimises L_G = L_adv + lambda_cls L_cls^f + lambda_rec L_rec (Eq. 6), every n_critic-th step.
        with torch.set_grad_enabled(self.is_due("G")), frozen(self.D):
            fake = self._translate(x, c)
            src_fake, cls_fake = self.D(fake)
            rec = self._translate(fake, c_original)
            G_src = self.loss_src.generator(src_fake)
            G_cls = self.config.lambda_cls * cross_entropy(cls_fake, c)  # Eq. 3
            G_rec = self.config.lambda_rec * l1_loss(rec, x)  # Eq. 4
            self.update("G", self.objective({"G_src": G_src, "G_cls": G_cls, "G_rec": G_rec}))

        losses = {"D_src": D_src, "D_cls": D_cls, "G_src": G_src, "G_cls": G_cls, "G_rec": G_rec}
        return StepResult(losses, {"real_A": x, "fake": fake, "rec_A": rec})

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        x = batch["A"]
        targets = {name: torch.full((len(x),), k, device=x.device) for k, name in enumerate(self.domains)}
        return {"real_A": x} | {f"fake_{name}": self._translate(x, c) for name, c in targets.items()}

    def output(self, batch: Batch) -> Tensor:
        """The image in the domain "target", in the first one where the batch has none."""
        x = batch["A"]
        target = batch.get("target")
        return self._translate(x, torch.zeros(len(x), dtype=torch.int64, device=x.device) if target is None else target)

    def _translate(self, x: Tensor, c: Tensor) -> Tensor:
        """G(x, c): the domain is a map for each class, 1 for c, beside the channels of x (section 3.3)."""
        maps = one_hot(c, len(self.domains)).to(x)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        y: Tensor = self.G(torch.cat([x, maps], 1))
        return y

    def _penalty(self, real: Tensor, fake: Tensor) -> Tensor | float:
        if not (self.loss_src.gradient_penalty and self.shared.lambda_gp):
            return 0.0
        return gradient_penalty(lambda x: self.D.uncompiled(x)[0], real, fake, lambda_gp=self.shared.lambda_gp)
