"""CUT and FastCUT for pixlate: what the plugin adds, and its options.

T. Park, A. A. Efros, R. Zhang, J.-Y. Zhu, "Contrastive learning for unpaired image-to-image translation" (ECCV 2020).

    python train.py --model cut --dataroot ./datasets/horse2zebra
    python train.py --model fastcut --dataroot ./datasets/horse2zebra

This module does not import torch: pixlate imports it for every `--help`, the others when they are used.
"""

from dataclasses import dataclass
from typing import Any, Literal

import click
from pixlate.plugins import FiniteFloat, NameOf, Register, hookimpl, option

#: A bool whose option takes a value, as the published program's do: `--nce_idt`, `--nce_idt false`.
OnOff = Literal[True, False]
ON_OFF: dict[str, Any] = {"type": click.BOOL, "is_flag": False, "flag_value": "true", "metavar": "[true|false]"}

WEIGHT = FiniteFloat(min=0)
COUNT = click.IntRange(min=1)

HELP_FINETUNE = "epochs after which images are resized to --crop_size and no longer cropped"
HELP_NCE = "weight of the PatchNCE loss"
HELP_IDT = "add the PatchNCE loss of images of B, which should not change (identity loss)"
HELP_NEGATIVES = "take negatives from all images of the batch, not only from the same image"
HELP_FLIP = "flip half of the inputs, and compare their features flipped back"


@dataclass(frozen=True)
class FinetuneConfig:
    """The option that models and the data set share."""

    finetune_after: int = option(200, HELP_FINETUNE, type=COUNT)


@dataclass(frozen=True)
class CutConfig(FinetuneConfig):
    """Options of CUT."""

    lambda_GAN: float = option(1.0, "weight of the adversarial loss", type=WEIGHT)
    lambda_NCE: float = option(1.0, HELP_NCE, type=WEIGHT)
    nce_idt: OnOff = option(True, HELP_IDT, **ON_OFF)
    nce_layers: str = option("0,4,8,12,16", "the generator's layers whose features are compared", metavar="LAYERS")
    nce_includes_all_negatives_from_minibatch: OnOff = option(False, HELP_NEGATIVES, **ON_OFF)
    netF: str = option(
        "mlp_sample", "network that projects features for the PatchNCE loss", type=NameOf("network", role="projection")
    )
    netF_nc: int = option(256, "channels of --netF", type=COUNT)
    nce_T: float = option(0.07, "temperature of the PatchNCE loss", type=FiniteFloat(min=0, min_open=True))
    num_patches: int = option(256, "patches per layer", type=COUNT)
    flip_equivariance: OnOff = option(False, HELP_FLIP, **ON_OFF)


@dataclass(frozen=True)
class FastCutConfig(CutConfig):
    """Options of FastCUT: a larger weight of PatchNCE, and flipped images in place of the identity loss."""

    finetune_after: int = option(150, HELP_FINETUNE, type=COUNT)
    lambda_NCE: float = option(10.0, HELP_NCE, type=WEIGHT)
    nce_idt: OnOff = option(False, HELP_IDT, **ON_OFF)
    flip_equivariance: OnOff = option(True, HELP_FLIP, **ON_OFF)


SHARED = {
    "dataset_mode": "unaligned_finetune",
    "netG": "cut_resnet_9blocks",
    "netD": "cut_basic",
    "init_type": "xavier",
    "dropout": False,
    "pool_size": 0,
}


@hookimpl
def register_models(register: Register) -> None:
    register(
        "cut",
        "pixlate_cut_model:CUT",
        config=CutConfig,
        help="one-directional unpaired translation by contrastive learning (Park et al. 2020)",
        defaults={**SHARED, "n_epochs": 200, "n_epochs_decay": 200},
    )
    register(
        "fastcut",
        "pixlate_cut_model:CUT",
        config=FastCutConfig,
        help="CUT without the identity loss: faster, less memory (Park et al. 2020)",
        defaults={**SHARED, "n_epochs": 150, "n_epochs_decay": 50},
    )


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "unaligned_finetune",
        "pixlate_cut_data:FinetuneDataset",
        config=FinetuneConfig,
        help="as unaligned; after --finetune_after epochs images are resized to --crop_size and not cropped",
    )


@hookimpl
def register_networks(register: Register) -> None:
    networks = "pixlate_cut_networks"
    generator = {
        "cut_resnet_9blocks": "CUT's: 9 residual blocks between blurred down- and upsamplings",
        "cut_resnet_6blocks": "CUT's with 6 residual blocks, for 128 px",
        "cut_plain_resnet_9blocks": "pixlate's resnet_9blocks, with features for PatchNCE",
        "cut_plain_resnet_6blocks": "pixlate's resnet_6blocks, with features for PatchNCE",
    }
    discriminator = {
        "cut_basic": "CUT's: PatchGAN with blurred downsamplings",
        "cut_n_layers": "CUT's, of --n_layers_D layers",
    }
    for name, help in generator.items():
        register(name, f"{networks}:{name}", help=help, role="generator")
    for name, help in discriminator.items():
        register(name, f"{networks}:{name}", help=help, role="discriminator")
    patches = "pixlate_cut_patches"
    register("mlp_sample", f"{patches}:PatchProjection", help="CUT's F: an MLP per layer", role="projection")
    register("sample", f"{patches}:NoProjection", help="no projection", role="projection")


@hookimpl
def register_viewers(register: Register) -> None:
    register(
        "cut_watch",
        "pixlate_cut_watch:CutWatch",
        help="writes cut_watch.jsonl: confusion of patches, and change of images; warns if G copies its input",
    )
