"""The command `pixlate`: train, test, and the commands of plugins."""

import os
import sys
from copy import copy

import click

from pixlate._version import __version__
from pixlate.default_plugins import get_plugins
from pixlate.entry import run_and_exit
from pixlate.options.command.parser import SETTINGS
from pixlate.plugins.manager import Plugins

#: Settings of commands that parse their own arguments, including `--help`: click passes all of them on.
PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@click.group(context_settings=SETTINGS, no_args_is_help=True)
@click.version_option(__version__, prog_name="pixlate")
def cli() -> None:
    """Image translation: pix2pix, CycleGAN, and models that anybody can install."""


@cli.command(context_settings=PASS_THROUGH, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def train(arguments: tuple[str, ...]) -> None:
    """Train a model on a folder of images; `pixlate train --help` lists the options."""
    from pixlate.train import command

    command(list(arguments))


@cli.command(context_settings=PASS_THROUGH, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Translate images with a trained model; `pixlate test --help` lists the options."""
    from pixlate.test import command

    command(list(arguments))


def main(args: list[str] | None = None) -> None:
    """Run the command group, plugins' commands included, and exit with the command's code."""
    run_and_exit(run_command, sys.argv[1:] if args is None else args)


def run_command(args: list[str]) -> None:
    """Run one command of the group. Raises the command's errors and click's usage errors."""
    plugins = get_plugins()
    group = copy(cli)  # `cli` itself stays unchanged, because plugins may differ between two calls in one process
    group.commands = dict(cli.commands)
    add_commands(group, plugins)
    code = group.main(args, prog_name="pixlate", standalone_mode=False, obj=plugins)
    if isinstance(code, int) and code:  # in this mode click returns the exit code that a command asks for
        raise click.exceptions.Exit(code)


def add_commands(group: click.Group, plugins: Plugins) -> None:
    """Add the commands of plugins to a group; a plugin that fails, or whose command exists already, is skipped."""
    for info, register_commands in list(plugins.implementations("register_commands")):
        plugin_group = click.Group()
        try:
            register_commands(cli=plugin_group)
            duplicates = group.commands.keys() & plugin_group.commands.keys()
            if duplicates:
                raise ValueError(f"its command '{min(duplicates)}' exists already")
            group.commands.update(plugin_group.commands)
        except (Exception, SystemExit) as error:
            plugins.skip(info, error)


if __name__ == "__main__":
    # `python -m` puts the current folder first: what lies there, such as another's data, must not count as installed.
    if sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    main()
