"""Super-resolution by 2, from a folder of photographs: a plugin of pixlate in one file.

    pixlate train --plugin super_resolution.py --model sr2 --dataroot ./photos
    pixlate test --plugin super_resolution.py

It adds a data set, whose input (A) is each photograph at half of its size; a generator that enlarges by sub-pixel
convolution (Shi et al. 2016); and a model whose output is twice as large as its input.
"""

import random
from dataclasses import replace

from torch import Tensor, nn
from torch.nn.functional import interpolate, l1_loss

from pixlate.data import Item, PhotographsDataset
from pixlate.models import BaseModel, Batch, ModelContext, ModelOptions, NormFactory, StepResult
from pixlate.plugins import Field, Register, hookimpl

SCALE = 2


class HalvedDataset(PhotographsDataset[None]):
    """Photographs (B) from <dataroot>/<phase>, and their halves (A)."""

    @property
    def fields(self) -> dict[str, Field]:
        """B has two pixels for one of A."""
        field = super().fields["A"]
        return {"A": field, "B": replace(field, scale=SCALE)}

    def sample(self, index: int, rng: random.Random) -> Item:
        photograph = super().sample(index, rng)
        large, path = photograph["A"], photograph["A_paths"]
        height, width = (side - side % SCALE for side in large.shape[1:])
        large = large[:, :height, :width]
        small = interpolate(large[None], scale_factor=1 / SCALE, mode="bicubic", antialias=True)[0].clamp(-1, 1)
        return {"A": small, "B": large, "A_paths": path, "B_paths": path}


class SubPixelGenerator(nn.Module):
    """N×input_nc×H×W to N×output_nc×2H×2W in [-1, 1]: what is learnt is the difference to bicubic enlargement."""

    def __init__(self, input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(input_nc, ngf, 5, padding=2), nn.LeakyReLU(0.1)]
        for _ in range(4):
            layers += [nn.Conv2d(ngf, ngf, 3, padding=1), nn.LeakyReLU(0.1)]
        layers += [nn.Conv2d(ngf, SCALE**2 * output_nc, 3, padding=1), nn.PixelShuffle(SCALE)]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        enlarged = interpolate(x, scale_factor=SCALE, mode="bicubic")
        y: Tensor = (enlarged + 0.1 * self.model(x)).clamp(-1, 1)  # at first the difference is small
        return y


class SuperResolution(BaseModel[None]):
    """Loss G_L1; images real_A, fake_B, real_B."""

    watched_losses = ("G_L1",)
    output_scale = SCALE

    def __init__(self, config: None, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        self.G = self.generator("G", shared.input_nc, shared.output_nc)
        self.average(self.G)
        if self.train:
            self.add_optimizer("G", self.G)

    def step(self, batch: Batch) -> StepResult:
        fake_B = self.G(batch["A"])
        loss = l1_loss(fake_B, batch["B"])
        self.update("G", loss)
        return StepResult({"G_L1": loss}, {"real_A": batch["A"], "fake_B": fake_B, "real_B": batch["B"]})

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        images = {"real_A": batch["A"], "fake_B": self.G(batch["A"])}
        return images | {"real_B": batch["B"]} if "B" in batch else images


@hookimpl
def register_datasets(register: Register) -> None:
    register("halved", HalvedDataset, help="photographs and their halves, for super-resolution")


@hookimpl
def register_networks(register: Register) -> None:
    register("sub_pixel", SubPixelGenerator, help="twice as large, by sub-pixel convolution", role="generator")


@hookimpl
def register_models(register: Register) -> None:
    register(
        "sr2",
        SuperResolution,
        help="super-resolution by 2 with an L1 loss",
        defaults={
            "dataset_mode": "halved",
            "netG": "sub_pixel",
            "init_type": "kaiming",
            "lr": 0.001,
            "beta1": 0.9,
            "batch_size": 4,
        },
    )
