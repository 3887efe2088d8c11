"""The plugin's registrations and options. This module does not import torch, so that `--help` stays fast."""

from dataclasses import dataclass

import click

from pixlate.plugins import Register, hookimpl, option


@dataclass(frozen=True)
class ExampleOptions:
    """Options of the data set."""

    blur: int = option(2, "radius in pixels by which inputs are blurred", type=click.IntRange(0, 100))


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "example",
        "pixlate_example.dataset:ExampleDataset",
        config=ExampleOptions,
        help="photographs in <phase>/ and blurred copies of them",
    )
