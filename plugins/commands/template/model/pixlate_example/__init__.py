"""The plugin's registrations and options. This module does not import torch, so that `--help` stays fast."""

from dataclasses import dataclass

from pixlate.plugins import FiniteFloat, Register, hookimpl, option


@dataclass(frozen=True)
class ExampleConfig:
    """Options of the model."""

    lambda_pixel: float = option(1.0, "weight of the L1 loss", type=FiniteFloat(min=0))


@hookimpl
def register_models(register: Register) -> None:
    register(
        "example",
        "pixlate_example.model:ExampleModel",
        config=ExampleConfig,
        help="paired translation with a small generator and an L1 loss",
        defaults={"dataset_mode": "aligned", "netG": "example_small", "ngf": 16},
    )


@hookimpl
def register_networks(register: Register) -> None:
    register(
        "example_small",
        "pixlate_example.model:SmallGenerator",
        help="one downsampling, four convolutions, one upsampling",
        role="generator",
    )
