"""Writes docs/commands.md from the commands of `pixlate` themselves: `python docs/commands_page.py`."""

import sys
from collections.abc import Iterator
from copy import copy
from pathlib import Path

import click

from pixlate.__main__ import add_commands, cli
from pixlate.default_plugins import builtin_plugins
from pixlate.plugins.discovery import load_plugins

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
OF_THEIR_OWN = ("train", "test")  # whose options are in docs/options.md
HEAD = """# Commands

The commands of `pixlate` beside `train` and `test`, whose options have [a page of their own](options.md). Each is shown
as in `--help`; `_` and `-` are equivalent in the names of options.
"""


def commands() -> dict[str, click.Command]:
    """The commands of the built-in plugins, by name."""
    plugins = load_plugins(builtin_plugins(), {"PIXLATE_PLUGINS": ""})
    group = copy(cli)
    group.commands = dict(cli.commands)
    add_commands(group, plugins)
    return {name: command for name, command in sorted(group.commands.items()) if name not in OF_THEIR_OWN}


def section(name: str, command: click.Command) -> Iterator[str]:
    """The lines about one command."""
    context = click.Context(command, info_name=f"pixlate {name}")
    yield f"\n## {name}\n"
    yield "```"
    yield command.get_usage(context).removeprefix("Usage: ")
    yield "```\n"
    yield "\n\n".join(" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n"))
    rows = [row for option in options(command) if (row := option.get_help_record(context))]
    if rows:
        yield "\n| option | |"
        yield "| --- | --- |"
        yield from (f"| `{cell(names)}` | {cell(text)} |" for names, text in rows)


def options(command: click.Command) -> list[click.Option]:
    """The options of a command."""
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def cell(text: str) -> str:
    """A text in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def page() -> str:
    """The whole page."""
    lines = [HEAD.rstrip()]
    for name, command in commands().items():
        lines += section(name, command)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE} is written\n")
