"""The plugin's registrations and options. This module does not import torch, so that `--help` stays fast."""

from dataclasses import dataclass

import click

from pixlate.plugins import Register, hookimpl, option


@dataclass(frozen=True)
class ExampleOptions:
    """Options of the viewer. They are options of every training: their names begin with the plugin's."""

    example_patience: int = option(
        0, "stop after this many epochs without improvement; 0: never", type=click.IntRange(0)
    )


@hookimpl
def register_viewers(register: Register) -> None:
    register(
        "example",
        "pixlate_example.viewer:ExampleViewer",
        config=ExampleOptions,
        help="mean absolute error on held-out images, best checkpoint, early stop",
    )
