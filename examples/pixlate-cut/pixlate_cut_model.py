"""CUT and FastCUT: Contrastive Learning for Unpaired Image-to-Image Translation.

T. Park, A. A. Efros, R. Zhang, J.-Y. Zhu, ECCV 2020, arXiv:2007.15651. G translates A into B, D classifies images of B
as real or fake, and F projects features of G's encoder to where patches are compared (the paper's H). The two models
differ in their options alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from pixlate.errors import OptionError
from pixlate.models import BaseModel, Batch, ImagePool, ModelContext, ModelOptions, Net, StepResult, frozen
from pixlate.models.networks import InferenceMode, set_inference_mode
from torch import Tensor

from pixlate_cut import CutConfig
from pixlate_cut_patches import patch_loss, patches_at, unit


class CUT(BaseModel[CutConfig]):
    """Losses: G_GAN, D_real, D_fake, G, NCE, NCE_Y. Images: real_A, fake_B, real_B, idt_B (G of an image of B)."""

    watched_losses = ("NCE",)

    def __init__(self, config: CutConfig, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        if self.train and shared.input_nc != shared.output_nc:
            raise OptionError(
                f"CUT compares features of input and output, which have {shared.input_nc} and {shared.output_nc} "
                "channels: give --input_nc and --output_nc the same number."
            )
        self.G = self.generator("G", shared.input_nc, shared.output_nc)
        self.average(self.G)
        if self.train:
            self.layers = _layers(config.nce_layers, self.G, shared.netG)
            self.D = self.discriminator("D", shared.output_nc)
            self.loss_GAN = self.gan_loss()
            self.fake_pool = ImagePool(shared.pool_size, self.rng)
            self.updates_every = dict.fromkeys("GF", shared.n_D_steps)
            self.add_optimizer("G", self.G)
            self.add_optimizer("D", self.D)
        #: A step's random draws, in this order: whether to flip the inputs, and which locations to compare.
        self.draw_flip: Callable[[], bool] = lambda: bool(torch.rand(()) < 0.5)
        self.draw_locations: Callable[[int], Tensor] = torch.randperm

    def prepare(self, batch: Batch) -> None:
        """Build F, whose input channels are those of G's features."""
        if not (self.train and self.config.lambda_NCE):
            return
        with torch.no_grad(), set_inference_mode(InferenceMode("image", None)):  # running statistics stay unchanged
            channels = [features.shape[1] for features in self.G(batch["A"][:1], layers=self.layers)]
        self.F = self.network("F", "netF", channels=channels, width=self.config.netF_nc)
        if any(True for _ in self.F.module.parameters()):
            self.add_optimizer("F", self.F)

    def step(self, batch: Batch) -> StepResult:
        real_A, real_B = batch["A"], batch["B"]
        identity = (real_B,) if self.config.nce_idt else ()
        flip = Flip(self.config.flip_equivariance and self.draw_flip())
        fake_B, *idt_B = self._translate(*(flip(image) for image in (real_A, *identity)))

        # D minimises its half of the adversarial loss (Eq. 1).
        fake = self.fake_pool.query(fake_B)
        logits_fake, logits_real = self.D.each(fake, real_B)
        D_fake, D_real = self.loss_GAN.fake(logits_fake), self.loss_GAN.real(logits_real)
        self.update("D", 0.5 * (D_fake + D_real) + self.penalty(self.D, real_B, fake))

        # G and F minimise the full objective (Eq. 5): the adversarial loss, and PatchNCE of A and of B.
        G_GAN = self._adversarial(fake_B)
        patch_losses = {"NCE": self._patch_nce(real_A, fake_B, flip)}
        if idt_B:
            patch_losses["NCE_Y"] = self._patch_nce(real_B, idt_B[0], flip)
        G = G_GAN + torch.stack([*patch_losses.values()]).mean()
        self.update([name for name in ("G", "F") if name in self.optimizers], G)

        losses = {"G_GAN": G_GAN, "D_real": D_real, "D_fake": D_fake, "G": G, **patch_losses}
        images = {"real_A": real_A, "fake_B": flip(fake_B), "real_B": real_B}
        return StepResult(losses, images | ({"idt_B": flip(idt_B[0])} if idt_B else {}))

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        images = {"real_A": batch["A"], "fake_B": self.G(batch["A"])}
        return images | {"real_B": batch["B"]} if "B" in batch else images

    def extra_state(self) -> dict[str, Any]:
        return {"fake_pool": self.fake_pool.state_dict()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        self.fake_pool.load_state_dict(state["fake_pool"], self.device)

    def _translate(self, *images: Tensor) -> Sequence[Tensor]:
        """G of each image; in one batch if they have one size, as published: batch norm then uses both domains."""
        if len({image.shape[1:] for image in images}) > 1:
            return [self.G(image) for image in images]
        return torch.split(self.G(torch.cat(images)), [len(image) for image in images])

    def _adversarial(self, fake_B: Tensor) -> Tensor:
        if not self.config.lambda_GAN:
            return fake_B.new_zeros(())
        with frozen(self.D):
            loss: Tensor = self.config.lambda_GAN * self.loss_GAN.generator(self.D(fake_B))
        return loss

    def _patch_nce(self, source: Tensor, translated: Tensor, flip: "Flip") -> Tensor:
        """PatchNCE between an image and its translation, the mean over the layers (Eq. 3)."""
        if not self.config.lambda_NCE:
            return source.new_zeros(())
        queries = [flip(features) for features in self.G(translated, layers=self.layers)]
        with torch.no_grad():
            keys = self.G(source, layers=self.layers)
            locations = [self._locations(features) for features in keys]
            key_patches = self._project(keys, locations)
        losses = [
            patch_loss(query, key, self.config.nce_T)
            for query, key in zip(self._project(queries, locations), key_patches, strict=True)
        ]
        return self.config.lambda_NCE * torch.stack(losses).mean()

    def _locations(self, features: Tensor) -> Tensor:
        """The locations of a layer to compare: the same for every image of the batch, and for both domains."""
        height, width = features.shape[2:]
        return self.draw_locations(height * width)[: self.config.num_patches].to(features.device)

    def _project(self, features: Sequence[Tensor], locations: Sequence[Tensor]) -> list[Tensor]:
        """F of the features at the locations, normalised: N×P×C' for each layer."""
        patches = [patches_at(layer, indices) for layer, indices in zip(features, locations, strict=True)]
        patches = [unit(layer) for layer in self.F(*patches)]
        if self.config.nce_includes_all_negatives_from_minibatch:
            return [layer.flatten(0, 1).unsqueeze(0) for layer in patches]
        return patches


class Flip:
    """Flips N×C×H×W horizontally if `on`; its own inverse."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, x: Tensor) -> Tensor:
        return x.flip(3) if self.on else x


def _layers(nce_layers: str, G: Net, netG: str) -> tuple[int, ...]:
    """The numbers in `--nce_layers`. Raises OptionError for invalid ones, and for a G without features."""
    count = int(getattr(G.module, "feature_layers", 0))
    if not count:
        raise OptionError(
            f"--netG {netG} has no features for the patch loss: use cut_resnet_9blocks or cut_resnet_6blocks, or "
            "cut_plain_resnet_9blocks or cut_plain_resnet_6blocks."
        )
    try:
        layers = tuple(int(number) for number in nce_layers.split(","))
    except ValueError:
        layers = ()
    if not layers or list(layers) != sorted(set(layers)) or not 0 <= layers[0] <= layers[-1] < count:
        raise OptionError(
            f"--nce_layers '{nce_layers}' must be ascending numbers from 0 to {count - 1}, such as 0,4,8,12,16."
        )
    return layers
