"""The model and its generator."""

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from pixlate.models import BaseModel, Batch, ModelContext, ModelOptions, NormFactory, StepResult

from . import ExampleConfig


class ExampleModel(BaseModel[ExampleConfig]):
    """Loss G_pixel; images real_A, fake_B, real_B."""

    watched_losses = ("G_pixel",)  # `--lr_policy plateau` watches their sum

    def __init__(self, config: ExampleConfig, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        self.G = self.generator("G", shared.input_nc, shared.output_nc)
        self.average(self.G)  # with `--ema` there is a moving average of this network
        if self.train:  # a test builds only the networks that `translation` needs
            self.add_optimizer("G", self.G)

    def step(self, batch: Batch) -> StepResult:
        real_A, real_B = batch["A"], batch["B"]
        fake_B = self.G(real_A)
        G_pixel = self.config.lambda_pixel * l1_loss(fake_B, real_B)
        self.update("G", G_pixel)
        return StepResult({"G_pixel": G_pixel}, {"real_A": real_A, "fake_B": fake_B, "real_B": real_B})

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        images = {"real_A": batch["A"], "fake_B": self.G(batch["A"])}
        return images | {"real_B": batch["B"]} if "B" in batch else images  # in a test there may be no targets


class SmallGenerator(nn.Module):
    """From N×input_nc×H×W to N×output_nc×H×W, both in [-1, 1]."""

    size_multiple = 2  # each side is halved and doubled again
    minimum_size = 8  # pixels

    def __init__(self, input_nc: int, output_nc: int, ngf: int, norm: NormFactory, use_dropout: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(input_nc, 2 * ngf, 4, stride=2, padding=1), nn.ReLU()]
        for _ in range(4):
            layers += [nn.Conv2d(2 * ngf, 2 * ngf, 3, padding=1), norm(2 * ngf), nn.ReLU()]
        layers += [nn.ConvTranspose2d(2 * ngf, output_nc, 4, stride=2, padding=1), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y
