"""Image-translation models: pix2pix, CycleGAN, and the base class of any further one.

The names here are stable: plugins build their models from them. They are imported on first use, because importing
torch takes seconds, and `--help` does not need it.
"""

from typing import TYPE_CHECKING

from pixlate.util.lazy import lazy_exports

if TYPE_CHECKING:
    from pixlate.models.execution.net import Net, frozen
    from pixlate.models.networks.layers import Dropout
    from pixlate.models.networks.mode import current_mode
    from pixlate.models.networks.norms import NormFactory
    from pixlate.options.shared import ModelOptions

    from .base import BaseModel
    from .batch import Batch, StepResult
    from .configs import CycleGANConfig, Pix2PixConfig
    from .context import ModelContext
    from .cycle_gan import CycleGAN
    from .gan_loss import GANLoss, gradient_penalty
    from .image_pool import ImagePool
    from .lr_policies import Policy, Schedule
    from .pix2pix import Pix2Pix
    from .structure import structure_loss
    from .weights import load_weights

_HOMES = {
    "BaseModel": "pixlate.models.base",
    "Batch": "pixlate.models.batch",
    "CycleGAN": "pixlate.models.cycle_gan",
    "CycleGANConfig": "pixlate.models.configs",
    "Dropout": "pixlate.models.networks.layers",
    "GANLoss": "pixlate.models.gan_loss",
    "ImagePool": "pixlate.models.image_pool",
    "ModelContext": "pixlate.models.context",
    "ModelOptions": "pixlate.options.shared",
    "Net": "pixlate.models.execution.net",
    "NormFactory": "pixlate.models.networks.norms",
    "Pix2Pix": "pixlate.models.pix2pix",
    "Pix2PixConfig": "pixlate.models.configs",
    "Policy": "pixlate.models.lr_policies",
    "Schedule": "pixlate.models.lr_policies",
    "StepResult": "pixlate.models.batch",
    "current_mode": "pixlate.models.networks.mode",
    "frozen": "pixlate.models.execution.net",
    "gradient_penalty": "pixlate.models.gan_loss",
    "load_weights": "pixlate.models.weights",
    "structure_loss": "pixlate.models.structure",
}

__all__ = [
    "BaseModel",
    "Batch",
    "CycleGAN",
    "CycleGANConfig",
    "Dropout",
    "GANLoss",
    "ImagePool",
    "ModelContext",
    "ModelOptions",
    "Net",
    "NormFactory",
    "Pix2Pix",
    "Pix2PixConfig",
    "Policy",
    "Schedule",
    "StepResult",
    "current_mode",
    "frozen",
    "gradient_penalty",
    "load_weights",
    "structure_loss",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
