"""Paired translation by a diffusion model, which computes an image in many steps: a plugin of pixlate in one file.

    pixlate train --plugin diffusion.py --model diffusion --dataroot ./facades --ema
    pixlate test --plugin diffusion.py --sampling_steps 50

The network learns to tell the noise in a noisy B from the B without it, given A (C. Saharia et al., "Palette:
Image-to-image diffusion models", SIGGRAPH 2022, arXiv:2111.05826). A test starts with noise alone and removes it in
`--sampling_steps` steps (J. Song, C. Meng, S. Ermon, "Denoising diffusion implicit models", ICLR 2021,
arXiv:2010.02502).
"""

import itertools
import math
from dataclasses import dataclass

import click
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, silu

from pixlate.models import BaseModel, Batch, ModelContext, ModelOptions, StepResult
from pixlate.plugins import Register, hookimpl, option

COUNT = click.IntRange(min=1)


@dataclass(frozen=True)
class DiffusionConfig:
    """Options of the model."""

    noise_steps: int = option(1000, "steps T over which noise is added", type=COUNT, on_change="refuse")
    sampling_steps: int = option(20, "steps in which a test removes it", type=COUNT)
    channels: int = option(64, "channels of the network's first level", type=COUNT, on_change="refuse")


class Diffusion(BaseModel[DiffusionConfig]):
    """Loss: noise. Images: real_A, fake_B (in training the B that one step of the network tells), real_B."""

    watched_losses = ("noise",)

    def __init__(self, config: DiffusionConfig, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        A, B = shared.input_nc, shared.output_nc
        # init=False: the last convolution of each block starts at zero, which `--init_type` would overwrite.
        self.G = self.add_network("G", lambda: Denoiser(A + B, B, config.channels), init=False)
        self.average(self.G)
        if self.train:
            self.add_optimizer("G", self.G)

    def step(self, batch: Batch) -> StepResult:
        A, B = batch["A"], batch["B"]
        t = torch.randint(1, self.config.noise_steps + 1, (len(B),), device=B.device)
        noise = torch.randn_like(B)
        level = self._signal(t)[:, None, None, None]  # the share of B in the variance of y
        y = level.sqrt() * B + (1 - level).sqrt() * noise
        predicted = self.G(torch.cat([A, y], 1), t)
        loss = mse_loss(predicted, noise)
        self.update("G", loss)
        with torch.no_grad():
            fake_B = ((y - (1 - level).sqrt() * predicted) / level.sqrt()).clamp(-1, 1)
        return StepResult({"noise": loss}, {"real_A": A, "fake_B": fake_B, "real_B": B})

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        images = {"real_A": batch["A"], "fake_B": self._sample(batch)}
        return images | {"real_B": batch["B"]} if "B" in batch else images

    def _sample(self, batch: Batch) -> Tensor:
        """B, from noise of its own for each sample (DDIM, Eq. 12 with sigma = 0)."""
        A = batch["A"]
        T, steps = self.config.noise_steps, min(self.config.sampling_steps, self.config.noise_steps)
        y = self.noise(batch, self.shared.output_nc, *A.shape[2:])
        times = torch.linspace(T, 0, steps + 1, device=A.device).round().long()
        for time, following in itertools.pairwise(times):
            level, next_level = self._signal(time), self._signal(following)
            noise = self.G(torch.cat([A, y], 1), time.expand(A.shape[0]))
            B = ((y - (1 - level).sqrt() * noise) / level.sqrt()).clamp(-1, 1)
            y = next_level.sqrt() * B + (1 - next_level).sqrt() * noise
        return y.clamp(-1, 1)

    def _signal(self, t: Tensor) -> Tensor:
        """The share of the image in the variance after t steps: a cosine (Nichol and Dhariwal 2021, Eq. 17)."""
        phase = (t.double() / self.config.noise_steps + 0.008) / 1.008 * math.pi / 2
        return phase.cos().square().clamp(1e-4, 1.0).float()


class Denoiser(nn.Module):
    """A U-Net of three levels with the time as a condition: N×C×H×W and N times to N×output_nc×H×W."""

    size_multiple = 4
    minimum_size = 8

    def __init__(self, input_nc: int, output_nc: int, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.time = nn.Sequential(nn.Linear(channels, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.first = nn.Conv2d(input_nc, channels, 3, padding=1)
        self.down = nn.ModuleList([Block(channels, channels, wide), Block(channels, wide, wide)])
        self.middle = Block(wide, wide, wide)
        self.up = nn.ModuleList([Block(2 * wide, channels, wide), Block(2 * channels, channels, wide)])
        self.last = nn.Conv2d(channels, output_nc, 3, padding=1)
        self.pool, self.enlarge = nn.AvgPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        frequencies = torch.arange(self.time[0].in_features // 2, device=t.device) + 0.5
        angles = t[:, None].to(x) * torch.exp(-frequencies * 2 * math.log(10000) / self.time[0].in_features)
        time = self.time(torch.cat([angles.sin(), angles.cos()], 1).to(x))
        h, skips = self.first(x), []
        for block in self.down:
            h = block(h, time)
            skips.append(h)
            h = self.pool(h)
        h = self.middle(h, time)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            h = block(torch.cat([self.enlarge(h), skip], 1), time)
        y: Tensor = self.last(silu(h))
        return y


class Block(nn.Module):
    """Two convolutions with group norm, the time added between them, and a path around them that starts alone."""

    def __init__(self, input_nc: int, output_nc: int, time_nc: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.GroupNorm(math.gcd(8, nc), nc) for nc in (input_nc, output_nc))
        self.conv1 = nn.Conv2d(input_nc, output_nc, 3, padding=1)
        self.conv2 = nn.Conv2d(output_nc, output_nc, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        self.time = nn.Linear(time_nc, output_nc)
        self.skip = nn.Conv2d(input_nc, output_nc, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(silu(self.norm1(x))) + self.time(time)[:, :, None, None]
        y: Tensor = self.skip(x) + self.conv2(silu(self.norm2(h)))
        return y


@hookimpl
def register_models(register: Register) -> None:
    register(
        "diffusion",
        Diffusion,
        config=DiffusionConfig,
        help="paired translation by a diffusion model (Saharia et al. 2022)",
        defaults={
            "dataset_mode": "aligned",
            "optimizer": "adamw",
            "lr": 0.0001,
            "beta1": 0.9,
            "lr_policy": "warmup_cosine",
            "ema_decay": 0.9999,
        },
    )
