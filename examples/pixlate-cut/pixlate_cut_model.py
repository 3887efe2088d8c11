"""CUT and FastCUT: Contrastive Learning for Unpaired Image-to-Image Translation.

T. Park, A. A. Efros, R. Zhang, J.-Y. Zhu, ECCV 2020, arXiv:2007.15651. G translates A into B, D judges images of B,
and F maps features of G's own first half to where patches are compared. The two models differ in their options alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from pixlate.errors import OptionError
from pixlate.models import (
    BaseModel,
    Batch,
    ImagePool,
    ModelContext,
    ModelOptions,
    Net,
    StepResult,
    frozen,
)
from pixlate.models.networks import InferenceMode, set_inference_mode
from torch import Tensor

from pixlate_cut import CutConfig
from pixlate_cut_patches import patch_loss, patches_at, unit


class CUT(BaseModel[CutConfig]):
    """Losses G_GAN, D_real, D_fake, G, NCE, NCE_Y; images real_A, fake_B, real_B, idt_B (G of an image of B)."""

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
            self.add_optimizer("G", self.G)
            self.add_optimizer("D", self.D)
        #: What is left to chance, in the order in which a step asks: whether to mirror, which places to compare.
        self.draw_mirror: Callable[[], bool] = lambda: bool(torch.rand(()) < 0.5)
        self.draw_places: Callable[[int], Tensor] = torch.randperm

    def prepare(self, batch: Batch) -> None:
        """Build F, whose input is as wide as G's features."""
        if not self.config.lambda_NCE:
            return
        with torch.no_grad(), set_inference_mode(InferenceMode("image", None)):  # a look that leaves no trace in G
            widths = [features.shape[1] for features in self.G(batch["A"][:1], layers=self.layers)]
        self.F = self.network("F", "netF", channels=widths, width=self.config.netF_nc)
        if any(True for _ in self.F.module.parameters()):
            self.add_optimizer("F", self.F)

    def step(self, batch: Batch) -> StepResult:
        real_A, real_B = batch["A"], batch["B"]
        identity = (real_B,) if self.config.nce_idt else ()
        mirror = Mirror(self.config.flip_equivariance and self.draw_mirror())
        fake_B, *idt_B = self._translate(*(mirror(image) for image in (real_A, *identity)))

        # D learns to tell images of B from translations.
        fake = self.fake_pool.query(fake_B)
        logits_fake, logits_real = self.D.each(fake, real_B)
        D_fake, D_real = self.loss_GAN.fake(logits_fake), self.loss_GAN.real(logits_real)
        self.update("D", 0.5 * (D_fake + D_real) + self.penalty(self.D, real_B, fake))

        # G fools D, and every patch of its output must be found again in its input; F learns with it (Eq. 5).
        G_GAN = self._fooling(fake_B)
        NCE = self._contrast(real_A, fake_B, mirror)
        patches = {"NCE": NCE}
        if idt_B:
            patches["NCE_Y"] = self._contrast(real_B, idt_B[0], mirror)
        G = G_GAN + torch.stack([*patches.values()]).mean()
        self.update([name for name in ("G", "F") if name in self.optimizers], G)

        losses = {"G_GAN": G_GAN, "D_real": D_real, "D_fake": D_fake, "G": G, **patches}
        images = {"real_A": real_A, "fake_B": mirror(fake_B), "real_B": real_B}
        return StepResult(losses, images | ({"idt_B": mirror(idt_B[0])} if idt_B else {}))

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        images = {"real_A": batch["A"], "fake_B": self.G(batch["A"])}
        return images | {"real_B": batch["B"]} if "B" in batch else images

    def extra_state(self) -> dict[str, Any]:
        return {"fake_pool": self.fake_pool.state_dict()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        self.fake_pool.load_state_dict(state["fake_pool"], self.device)

    def _translate(self, *images: Tensor) -> Sequence[Tensor]:
        """G of each; in one batch where sizes allow it, so that batch norm sees both domains together."""
        if len({image.shape[1:] for image in images}) > 1:
            return [self.G(image) for image in images]
        return torch.split(self.G(torch.cat(images)), [len(image) for image in images])

    def _fooling(self, fake_B: Tensor) -> Tensor:
        if not self.config.lambda_GAN:
            return fake_B.new_zeros(())
        with frozen(self.D):
            loss: Tensor = self.config.lambda_GAN * self.loss_GAN.generator(self.D(fake_B))
        return loss

    def _contrast(self, source: Tensor, made: Tensor, mirror: "Mirror") -> Tensor:
        """The patch loss between an image and what G made of it, the mean over the layers (Eq. 3)."""
        if not self.config.lambda_NCE:
            return source.new_zeros(())
        queries = [mirror(features) for features in self.G(made, layers=self.layers)]
        with torch.no_grad():
            keys = self.G(source, layers=self.layers)
        places = [self._places(features) for features in keys]
        with torch.no_grad():
            key_patches = self._compared(keys, places)
        losses = [
            patch_loss(query, key, self.config.nce_T)
            for query, key in zip(self._compared(queries, places), key_patches, strict=True)
        ]
        return self.config.lambda_NCE * torch.stack(losses).mean()

    def _places(self, features: Tensor) -> Tensor:
        """Which places of a layer are compared: the same in every image of the batch, and in both images."""
        height, width = features.shape[2:]
        return self.draw_places(height * width)[: self.config.num_patches].to(features.device)

    def _compared(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        patches = [patches_at(layer, chosen) for layer, chosen in zip(features, places, strict=True)]
        patches = [unit(layer) for layer in self.F(*patches)]
        if self.config.nce_includes_all_negatives_from_minibatch:
            return [layer.flatten(0, 1).unsqueeze(0) for layer in patches]
        return patches


class Mirror:
    """Mirrors N×C×H×W from left to right, or leaves it as it is."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, x: Tensor) -> Tensor:
        return x.flip(3) if self.on else x


def _layers(said: str, G: Net, netG: str) -> tuple[int, ...]:
    """The numbers in `--nce_layers`. Raises OptionError where they are none, or G has no such layers."""
    count = int(getattr(G.module, "feature_layers", 0))
    if not count:
        raise OptionError(
            f"--netG {netG} gives no features for the patch loss: use cut_resnet_9blocks or cut_resnet_6blocks, or "
            "cut_plain_resnet_9blocks or cut_plain_resnet_6blocks."
        )
    try:
        layers = tuple(int(number) for number in said.split(","))
    except ValueError:
        layers = ()
    if not layers or list(layers) != sorted(set(layers)) or not 0 <= layers[0] <= layers[-1] < count:
        raise OptionError(
            f"--nce_layers '{said}' must be numbers from 0 to {count - 1} in ascending order, such as 0,4,8,12,16."
        )
    return layers
