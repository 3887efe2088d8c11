"""StarGAN for pixlate: what the plugin adds, and its options.

Y. Choi, M. Choi, M. Kim, J.-W. Ha, S. Kim, J. Choo, "StarGAN: Unified generative adversarial networks for multi-domain
image-to-image translation" (CVPR 2018).

    pixlate train --model stargan --dataroot ./datasets/animals        # with folders train/cat, train/dog, …

This module does not import torch: pixlate imports it for every `--help`.
"""

from dataclasses import dataclass

import click
from pixlate.plugins import FiniteFloat, Register, hookimpl, option

WEIGHT = FiniteFloat(min=0)


@dataclass(frozen=True)
class StarGANConfig:
    """Options of StarGAN."""

    lambda_cls: float = option(1.0, "weight of the domain classification losses", type=WEIGHT)
    lambda_rec: float = option(10.0, "weight of the reconstruction loss", type=WEIGHT)
    n_critic: int = option(5, "updates of D for one of G", type=click.IntRange(min=1))


@hookimpl
def register_models(register: Register) -> None:
    register(
        "stargan",
        "pixlate_stargan_model:StarGAN",
        config=StarGANConfig,
        help="translation between several domains with one generator (Choi et al. 2018)",
        defaults={
            "dataset_mode": "domains",
            "netG": "stargan_resnet",
            "gan_mode": "wgangp",
            "dropout": False,
            "lr": 0.0001,
            "n_layers_D": 6,
        },
    )


@hookimpl
def register_networks(register: Register) -> None:
    register(
        "stargan_resnet",
        "pixlate_stargan_networks:ConditionalResnet",
        help="6 residual blocks, without a norm after the first layer, which receives the domain",
        role="generator",
    )
