"""BicycleGAN for pixlate: what the plugin adds, and its options.

J.-Y. Zhu, R. Zhang, D. Pathak, T. Darrell, A. A. Efros, O. Wang, E. Shechtman, "Toward multimodal image-to-image
translation" (NeurIPS 2017).

    pixlate train --model bicycle_gan --dataroot ./datasets/edges2shoes
    pixlate test --n_samples 5

This module does not import torch: pixlate imports it for every `--help`.
"""

from dataclasses import dataclass

import click
from pixlate.plugins import FiniteFloat, NameOf, Register, Scope, hookimpl, option

COUNT = click.IntRange(min=1)
WEIGHT = FiniteFloat(min=0)


@dataclass(frozen=True)
class BicycleGANConfig:
    """Options of BicycleGAN."""

    nz: int = option(8, "length of the latent code z", type=COUNT, on_change="refuse")
    n_samples: int = option(3, "translations of an input that a test shows", type=COUNT)
    netE: str = option("latent_encoder", "encoder of z", type=NameOf("network", role="encoder"), on_change="refuse")
    nef: int = option(64, "channels of the encoder's first layer", type=COUNT, on_change="refuse")
    lambda_L1: float = option(10.0, "weight of the L1 loss of encoded images", type=WEIGHT)
    lambda_kl: float = option(0.01, "weight of the Kullback-Leibler divergence of z", type=WEIGHT)
    lambda_z: float = option(0.5, "weight of the L1 loss of recovered codes", type=WEIGHT)
    lambda_GAN2: float = option(
        1.0, "weight of the adversarial loss of random codes", type=WEIGHT, scope=Scope.TRAINING
    )


@hookimpl
def register_models(register: Register) -> None:
    register(
        "bicycle_gan",
        "pixlate_bicyclegan_model:BicycleGAN",
        config=BicycleGANConfig,
        help="paired translation into several outputs for an input (Zhu et al. 2017)",
        defaults={
            "dataset_mode": "aligned",
            "netG": "unet_256",
            "norm": "instance",
            "netD": "multiscale",
            "num_D": 2,
            "dropout": False,
            "batch_size": 2,
        },
    )


@hookimpl
def register_networks(register: Register) -> None:
    register(
        "latent_encoder",
        "pixlate_bicyclegan_model:LatentEncoder",
        help="convolutions of stride 2 and a mean over the image, to the mean and variance of z",
        role="encoder",
    )
