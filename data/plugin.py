"""The built-in data sets, registered as any plugin registers its own."""

import click

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.registry import Register
from pixlate.util.download_command import download_command


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "aligned",
        "pixlate.data.aligned:AlignedDataset",
        help="pairs: side by side in one file in <phase>/, or in two folders A and B under equal names",
    )
    register(
        "unaligned",
        "pixlate.data.unaligned:UnalignedDataset",
        help="two collections, <phase>A/ and <phase>B/, that are not pairs",
    )
    register("single", "pixlate.data.single:SingleDataset", help="the pictures in one folder, for testing only")


@hookimpl
def register_commands(cli: click.Group) -> None:
    cli.add_command(download_command)
