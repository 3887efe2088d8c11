"""Options of the built-in models, in a module of their own: `--help` imports it, and must not wait for torch."""

from dataclasses import dataclass
from typing import Literal

from pixlate.options.fields import option
from pixlate.options.ranges import WEIGHT


@dataclass(frozen=True)
class Pix2PixConfig:
    """Options of pix2pix."""

    lambda_mask: float = option(
        0.0, "further weight of the L1 loss where the field 'mask' of the data is white", type=WEIGHT
    )
    composite: bool = option(False, "show the input where the field 'mask' of the data is black, as for inpainting")
    label_loss: Literal["l1", "cross_entropy"] = option(
        "l1", "loss of an output of labels (--field): l1, as for images, or cross-entropy; weighted by --lambda_L1 too"
    )
    lambda_L1: float = option(100.0, "weight of the L1 loss beside the adversarial one", type=WEIGHT)
    lambda_structure: float = option(
        0.0, "weight of the structure loss: outputs keep the edges of their inputs, whatever their colours", type=WEIGHT
    )


@dataclass(frozen=True)
class CycleGANConfig:
    """Options of CycleGAN."""

    lambda_A: float = option(10.0, "weight of the cycle loss A -> B -> A", type=WEIGHT)
    lambda_B: float = option(10.0, "weight of the cycle loss B -> A -> B", type=WEIGHT)
    lambda_identity: float = option(
        0.5, "weight of the identity loss, as a share of the cycle loss's; 0 is off", type=WEIGHT
    )
    lambda_structure: float = option(
        0.0, "weight of the structure loss: outputs keep the edges of their inputs, whatever their colours", type=WEIGHT
    )


@dataclass(frozen=True)
class DistillationConfig:
    """Options of distillation."""

    lambda_GAN: float = option(
        0.0, "weight of the adversarial loss; 0: none, and no discriminator is trained", type=WEIGHT
    )
    lambda_L1: float = option(
        100.0, "weight of the L1 loss to the outputs of the teacher; of labels, of the cross-entropy", type=WEIGHT
    )
    teacher: str = option(
        "", "what the targets are outputs of, as 'pixlate distill' writes it", metavar="TEXT", on_change="refuse"
    )


@dataclass(frozen=True)
class SingleConfig:
    """Options of the test model: one generator, one direction."""

    model_suffix: str = option("", "which generator: '_A' loads <epoch>_net_G_A.pth")
