"""The model "test": one trained generator, applied to a folder of images."""

from torch import Tensor

from pixlate.errors import OptionError
from pixlate.options.shared import ModelOptions

from .base import BaseModel
from .batch import Batch, StepResult
from .configs import SingleConfig
from .context import ModelContext


class Single(BaseModel[SingleConfig]):
    """Images: real, fake. The network's name is "G" plus `--model_suffix`, as in the run that trained it."""

    def __init__(self, config: SingleConfig, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        if self.train:
            raise OptionError("model 'test' cannot be trained: it applies one generator of a trained model.")
        self.G = self.generator("G" + config.model_suffix, shared.input_nc, shared.output_nc)

    def step(self, batch: Batch) -> StepResult:
        raise OptionError("model 'test' cannot be trained: it applies one generator of a trained model.")

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        return {"real": batch["A"], "fake": self.G(batch["A"])}
