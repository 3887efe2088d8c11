"""The commands of `pixlate` beside train and test: what there is, and the beginning of a new plugin."""

from pathlib import Path

import click

from .hookspecs import hookimpl
from .manager import Plugins
from .registry import KINDS

WORDS = {"model": "models", "dataset": "data sets", "lr_policy": "learning-rate policies", "init": "initialisations"}


def add_commands(cli: click.Group, plugins: Plugins) -> None:
    """Add what plugins give to `pixlate`; one that fails, or whose command has a name that is taken, is skipped."""
    for info, give in list(plugins.implementations("register_commands")):
        given = click.Group()
        try:
            give(cli=given)
            taken = cli.commands.keys() & given.commands.keys()
            if taken:
                raise ValueError(f"its command '{min(taken)}' is there already")
            cli.commands.update(given.commands)
        except (Exception, SystemExit) as error:
            plugins.skip(info, error)


@hookimpl
def register_commands(cli: click.Group) -> None:
    cli.add_command(list_plugins)
    cli.add_command(new_plugin)
    for kind, hook in KINDS.items():
        cli.add_command(_listing(kind, hook.removeprefix("register_").replace("_", "-")))


plugin_files = click.option(
    "--plugin", "files", metavar="FILE.py", multiple=True, help="also load the plugin in this file: its code runs"
)


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="as JSON, with the components and hooks of each")
@plugin_files
def list_plugins(as_json: bool, files: tuple[str, ...]) -> None:
    """List all plugins: what each registers, or why it is left out."""
    from .listing import load_files, plugins_json, plugins_table, show

    plugins = load_files(files)
    if as_json:
        click.echo(plugins_json(plugins))
    else:
        show(plugins_table(plugins))


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=".", metavar="FOLDER", help="where the new folder goes"
)
def new_plugin(name: str, folder: Path) -> None:
    """Write a new plugin package, with a model and its tests, to begin from."""
    from .scaffold import write_package

    package = write_package(name, folder)
    click.echo(f"Wrote {package}: read its README.md. Next:\n  pip install -e {package}\n  pytest {package}")


def _listing(kind: str, word: str) -> click.Command:
    def show_components(files: tuple[str, ...]) -> None:
        from .listing import components_table, load_files, show

        show(components_table(load_files(files).registry(kind)))

    noun = WORDS.get(kind, word)
    return click.command(word, help=f"List all {noun}, and the plugin that each comes from.")(
        plugin_files(show_components)
    )
