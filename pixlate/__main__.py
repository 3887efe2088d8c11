"""The command `pixlate`: train, test, and what plugins add."""

import sys
from copy import copy

import click

import pixlate
from pixlate.options.help import SETTINGS, run_and_exit

PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@click.group(context_settings=SETTINGS, no_args_is_help=True)
@click.version_option(pixlate.__version__, prog_name="pixlate")
def cli() -> None:
    """Image translation: pix2pix, CycleGAN, and models that anybody can install."""


@cli.command(context_settings=PASS_ON, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def train(arguments: tuple[str, ...]) -> None:
    """Train a model on a folder of pictures; `pixlate train --help` lists the options."""
    from pixlate.train import main as run

    run(list(arguments))


@cli.command(context_settings=PASS_ON, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Translate pictures with a trained model; `pixlate test --help` lists the options."""
    from pixlate.test import main as run

    run(list(arguments))


def main(args: list[str] | None = None) -> None:
    """Run the command group, plugins' commands included, and exit with the command's code."""
    run_and_exit(run_command, sys.argv[1:] if args is None else args)


def run_command(args: list[str]) -> None:
    """Run one command of the group. Raises what it raises, and click's errors."""
    from pixlate.plugins import get_plugins
    from pixlate.plugins.commands import add_commands

    whole = copy(cli)
    whole.commands = dict(cli.commands)
    add_commands(whole, get_plugins())
    whole.main(args, prog_name="pixlate", standalone_mode=False)


if __name__ == "__main__":
    main()
