"""Built-in commands of `pixlate` beside train and test."""

import click

from .hookspecs import hookimpl


@hookimpl
def register_commands(cli: click.Group) -> None:
    """Nothing yet."""
