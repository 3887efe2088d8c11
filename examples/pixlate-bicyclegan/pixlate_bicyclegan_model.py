"""BicycleGAN: Toward Multimodal Image-to-Image Translation.

J.-Y. Zhu, R. Zhang, D. Pathak, T. Darrell, A. A. Efros, O. Wang, E. Shechtman, NeurIPS 2017, arXiv:1711.11586. A
generator G maps an input A and a code z to an output, G(A, z); an encoder E maps an output B to the distribution of its
code. Two cycles keep the code meaningful: B -> z -> B (cVAE-GAN) and z -> B -> z (cLR-GAN). Equation numbers are those
of the arXiv version.
"""

import itertools

import torch
from pixlate.models import BaseModel, Batch, ModelContext, ModelOptions, Net, NormFactory, StepResult, frozen
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from pixlate_bicyclegan import BicycleGANConfig


class BicycleGAN(BaseModel[BicycleGANConfig]):
    """Losses: G_GAN, G_GAN2, G_L1, KL, z, D, D2. Images: real_A, fake_B (of a random z), fake_B_encoded, real_B."""

    watched_losses = ("G_L1",)

    def __init__(self, config: BicycleGANConfig, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        self.G = self.generator("G", shared.input_nc + config.nz, shared.output_nc)
        self.E = self.network("E", "netE", input_nc=shared.output_nc, nz=config.nz, nef=config.nef, norm=self.norm())
        self.average(self.G, self.E)
        if self.train:
            self.D = self.discriminator("D", shared.input_nc + shared.output_nc)
            self.D2 = self.discriminator("D2", shared.input_nc + shared.output_nc)
            self.loss_GAN = self.gan_loss()
            self.add_optimizer("G", self.G)
            self.add_optimizer("E", self.E)
            self.add_optimizer("D", self.D, self.D2)

    def step(self, batch: Batch) -> StepResult:
        A, B = batch["A"], batch["B"]
        mu, logvar = self.E(B)
        z_encoded = mu + self.noise(batch, self.config.nz) * (0.5 * logvar).exp()  # reparameterisation
        z_random = self.noise(batch, self.config.nz)
        fake_encoded, fake_random = self._generate(A, z_encoded), self._generate(A, z_random)

        # cVAE-GAN (Eq. 2 to 4): G and E reconstruct B from its code, whose distribution is kept near N(0, 1).
        with frozen(self.D, self.D2):
            G_GAN = self.loss_GAN.generator(self.D(torch.cat([A, fake_encoded], 1)))
            G_GAN2 = self.config.lambda_GAN2 * self.loss_GAN.generator(self.D2(torch.cat([A, fake_random], 1)))
        G_L1 = self.config.lambda_L1 * l1_loss(fake_encoded, B)
        KL = self.config.lambda_kl * 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
        terms = {"G_GAN": G_GAN, "G_GAN2": G_GAN2, "G_L1": G_L1, "KL": KL}
        self.update(("G", "E"), self.objective(terms))

        # cLR-GAN (Eq. 5): G alone learns to keep the code in its output; E must not hide it there (section 3.4).
        with frozen(self.E):
            z = self.config.lambda_z * l1_loss(self.E(self._generate(A, z_random))[0], z_random)
        self.update("G", z)

        loss_D, objective_D = self._discriminate(self.D, A, B, fake_encoded)
        loss_D2, objective_D2 = self._discriminate(self.D2, A, B, fake_random)
        self.update("D", objective_D + objective_D2)

        losses = {**terms, "z": z, "D": loss_D, "D2": loss_D2}
        images = {"real_A": A, "fake_B": fake_random, "fake_B_encoded": fake_encoded, "real_B": B}
        return StepResult(losses, images)

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        """n_samples translations with random codes; with a target also the one with its code."""
        A = batch["A"]
        images = {"real_A": A}
        for number in range(1, self.config.n_samples + 1):
            images[f"fake_B_{number}"] = self._generate(A, self.noise(batch, self.config.nz))
        if "B" in batch:
            images |= {"fake_B_encoded": self._generate(A, self.E(batch["B"])[0]), "real_B": batch["B"]}
        return images

    def output(self, batch: Batch) -> Tensor:
        """One translation, with the code "z" of the batch if it has one."""
        z = batch["z"] if "z" in batch else self.noise(batch, self.config.nz)
        return self._generate(batch["A"], z)

    def _generate(self, A: Tensor, z: Tensor) -> Tensor:
        """G(A, z): z is replicated over the image, beside the channels of A (section 3.5, add to input)."""
        maps = z.to(A)[:, :, None, None].expand(-1, -1, *A.shape[2:])
        y: Tensor = self.G(torch.cat([A, maps], 1))
        return y

    def _discriminate(self, D: Net, A: Tensor, B: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D's loss for pairs, and its objective: with the gradient penalty, if there is one."""
        real_pair, fake_pair = torch.cat([A, B], 1), torch.cat([A, fake.detach()], 1)
        logits_real, logits_fake = D.each(real_pair, fake_pair)
        loss = 0.5 * (self.loss_GAN.real(logits_real) + self.loss_GAN.fake(logits_fake))
        return loss, loss + self.penalty(D, real_pair, fake_pair)


class LatentEncoder(nn.Module):
    """N×C×H×W images to the mean and the logarithm of the variance of their codes, N×nz each."""

    minimum_size = 16

    def __init__(self, input_nc: int, nz: int, nef: int, norm: NormFactory) -> None:
        super().__init__()
        widths = (nef, 2 * nef, 4 * nef, 4 * nef)
        layers: list[nn.Module] = [nn.Conv2d(input_nc, nef, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for narrow, wide in itertools.pairwise(widths):
            layers += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), norm(wide), nn.LeakyReLU(0.2)]
        self.main = nn.Sequential(*layers[:-2], nn.LeakyReLU(0.2))  # a norm of the last layer could be of one value
        self.mu, self.logvar = nn.Linear(widths[-1], nz), nn.Linear(widths[-1], nz)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.main(x).mean((2, 3))
        return self.mu(features), self.logvar(features)
