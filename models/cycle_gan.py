"""CycleGAN: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks.

Jun-Yan Zhu, Taesung Park, Phillip Isola, Alexei A. Efros, ICCV 2017, arXiv:1703.10593. Names are those of the authors'
program; in the paper's letters:

    G_A: A -> B is G: X -> Y        D_A, real B against fake B, is D_Y
    G_B: B -> A is F: Y -> X        D_B, real A against fake A, is D_X
"""

from typing import Any, cast

from torch import Tensor
from torch.nn.functional import l1_loss

from pixlate.errors import OptionError
from pixlate.models.execution.net import Net, frozen
from pixlate.options.shared import ModelOptions

from .base import BaseModel
from .batch import Batch, StepResult
from .configs import CycleGANConfig
from .context import ModelContext
from .image_pool import ImagePool
from .structure import require_images, structure_losses


class CycleGAN(BaseModel[CycleGANConfig]):
    """Losses: D_A, G_A, cycle_A, idt_A, and the same for B. Images: real_A, fake_B, rec_A, idt_B, real_B, …"""

    watched_losses = ("cycle_A", "cycle_B")

    def __init__(self, config: CycleGANConfig, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        if self.train and config.lambda_identity > 0 and shared.input_nc != shared.output_nc:
            raise OptionError(
                f"the identity loss compares input and output images, which have {shared.input_nc} and "
                f"{shared.output_nc} channels: use --lambda_identity 0."
            )
        if config.lambda_structure:
            require_images(context)
        self.G_A = self.generator("G_A", shared.input_nc, shared.output_nc)
        self.G_B = self.generator("G_B", shared.output_nc, shared.input_nc)
        self.average(self.G_A, self.G_B)
        if self.train:
            self.D_A = self.discriminator("D_A", shared.output_nc)
            self.D_B = self.discriminator("D_B", shared.input_nc)
            self.loss_GAN = self.gan_loss()
            self.fake_A_pool = ImagePool(shared.pool_size, self.rng)
            self.fake_B_pool = ImagePool(shared.pool_size, self.rng)
            self.updates_every = {"G": shared.n_D_steps}
            self.add_optimizer("G", self.G_A, self.G_B)
            self.add_optimizer("D", self.D_A, self.D_B)

    def step(self, batch: Batch) -> StepResult:
        real_A, real_B = batch["A"], batch["B"]
        lambda_A, lambda_B = self.config.lambda_A, self.config.lambda_B
        lambda_idt = self.config.lambda_identity

        fake_B, rec_A, fake_A, rec_B, *identity_images = self._images(real_A, real_B)
        identity = dict(zip(("idt_A", "idt_B"), identity_images, strict=False))

        # The generators minimise the full objective (Eq. 3): adversarial losses (Eq. 1), here against the
        # discriminators of the step before, and the cycle-consistency loss (Eq. 2).
        with frozen(self.D_A, self.D_B):
            loss_G_A = self.loss_GAN.generator(self.D_A(fake_B))
            loss_G_B = self.loss_GAN.generator(self.D_B(fake_A))
        loss_cycle_A = lambda_A * l1_loss(rec_A, real_A)
        loss_cycle_B = lambda_B * l1_loss(rec_B, real_B)
        loss_idt_A = loss_idt_B = real_A.new_zeros(())
        if identity:  # G should map an image of its target domain to itself (section 5.2, L_identity)
            loss_idt_A = lambda_B * lambda_idt * l1_loss(identity["idt_A"], real_B)  # ||G_A(B) - B||
            loss_idt_B = lambda_A * lambda_idt * l1_loss(identity["idt_B"], real_A)  # ||G_B(A) - A||
        images = (
            {"real_A": real_A, "fake_B": fake_B, "rec_A": rec_A}
            | {name: image for name, image in identity.items() if name == "idt_B"}
            | {"real_B": real_B, "fake_A": fake_A, "rec_B": rec_B}
            | {name: image for name, image in identity.items() if name == "idt_A"}
        )
        structure = {"structure_A": (real_A, fake_B), "structure_B": (real_B, fake_A)}
        extra = structure_losses(self.config.lambda_structure, structure)
        extra |= self.extra_generator_losses(batch, images)
        adversarial = {"G_A": loss_G_A, "G_B": loss_G_B}
        cycle = {"cycle_A": loss_cycle_A, "cycle_B": loss_cycle_B}
        identity_losses = {"idt_A": loss_idt_A, "idt_B": loss_idt_B}
        self.update("G", self.objective(adversarial | cycle | identity_losses | extra))

        # The discriminators see a history of generated images, not the newest alone (section 4).
        loss_D_A, objective_A = self._discriminate(self.D_A, real_B, self.fake_B_pool.query(fake_B))
        loss_D_B, objective_B = self._discriminate(self.D_B, real_A, self.fake_A_pool.query(fake_A))
        self.update("D", objective_A + objective_B)

        return StepResult(
            {
                "D_A": loss_D_A,
                "G_A": loss_G_A,
                "cycle_A": loss_cycle_A,
                "idt_A": loss_idt_A,
                "D_B": loss_D_B,
                "G_B": loss_G_B,
                "cycle_B": loss_cycle_B,
                "idt_B": loss_idt_B,
                **extra,
            },
            images,
        )

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        fake_B = self.G_A(batch["A"])
        images = {"real_A": batch["A"], "fake_B": fake_B, "rec_A": self.G_B(fake_B)}
        if "B" in batch:
            fake_A = self.G_B(batch["B"])
            images |= {"real_B": batch["B"], "fake_A": fake_A, "rec_B": self.G_A(fake_A)}
        return images

    def output(self, batch: Batch) -> Tensor:
        return cast(Tensor, self.G_A(batch["A"]))

    def extra_state(self) -> dict[str, Any]:
        return {"fake_A_pool": self.fake_A_pool.state_dict(), "fake_B_pool": self.fake_B_pool.state_dict()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        self.fake_A_pool.load_state_dict(state["fake_A_pool"], self.device)
        self.fake_B_pool.load_state_dict(state["fake_B_pool"], self.device)

    def _images(self, A: Tensor, B: Tensor) -> tuple[Tensor, ...]:
        """fake_B, rec_A, fake_A, rec_B, then idt_A and idt_B where the identity loss is on."""
        identity = self.config.lambda_identity > 0
        if identity and self.G_A.batchable and self.G_B.batchable:
            # G_A(A) and G_A(B) in one call save 7 % of a step, see docs/performance.md.
            fake_B, idt_A = self.G_A.each(A, B)
            fake_A, idt_B = self.G_B.each(B, A)
            return fake_B, self.G_B(fake_B), fake_A, self.G_A(fake_A), idt_A, idt_B
        # Batch norm's running statistics and dropout's masks depend on the order of the calls, which is that of the
        # reference.
        fake_B = self.G_A(A)
        rec_A = self.G_B(fake_B)
        fake_A = self.G_B(B)
        rec_B = self.G_A(fake_A)
        return (fake_B, rec_A, fake_A, rec_B) + ((self.G_A(B), self.G_B(A)) if identity else ())

    def _discriminate(self, D: Net, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D's loss, which is logged, and D's objective: the loss plus the gradient penalty, if there is one.

        The loss is halved, which slows D relative to G (appendix, "Training details").
        """
        logits_real, logits_fake = D.each(real, fake)
        loss = 0.5 * (self.loss_GAN.real(logits_real) + self.loss_GAN.fake(logits_fake))
        return loss, loss + self.penalty(D, real, fake)
