"""The commands of `pixlate` beside train and test: what there is, and the beginning of a new plugin."""

from pathlib import Path

import click

from pixlate.plugins.discovery import load_files
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.manager import Plugins
from pixlate.plugins.registry import KINDS

from .download import download_command

WORDS = {"model": "models", "dataset": "data sets", "lr_policy": "learning-rate policies", "init": "initialisations"}


@hookimpl
def register_commands(cli: click.Group) -> None:
    cli.add_command(list_plugins)
    cli.add_command(new_plugin)
    cli.add_command(download_command)
    for kind, hook in KINDS.items():
        cli.add_command(_listing(kind, hook.removeprefix("register_").replace("_", "-")))


plugin_files = click.option(
    "--plugin", "files", metavar="FILE.py", multiple=True, help="also load the plugin in this file: its code runs"
)


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="as JSON, with the components and hooks of each")
@plugin_files
@click.pass_obj
def list_plugins(plugins: Plugins, as_json: bool, files: tuple[str, ...]) -> None:
    """List all plugins: what each registers, or why it is left out."""
    from .listing import plugins_json, plugins_table, show

    load_files(plugins, files)
    if as_json:
        click.echo(plugins_json(plugins))
    else:
        show(plugins_table(plugins))


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=".", metavar="FOLDER", help="where the new folder goes"
)
@click.pass_obj
def new_plugin(plugins: Plugins, name: str, folder: Path) -> None:
    """Write a new plugin package, with a model and its tests, to begin from."""
    from .scaffold import write_package

    package = write_package(plugins, name, folder)
    click.echo(f"Wrote {package}: read its README.md. Next:\n  pip install -e {package}\n  pytest {package}")


def _listing(kind: str, word: str) -> click.Command:
    @click.pass_obj
    def show_components(plugins: Plugins, files: tuple[str, ...]) -> None:
        from .listing import components_table, show

        load_files(plugins, files)
        show(components_table(plugins.registry(kind)))

    noun = WORDS.get(kind, word)
    return click.command(word, help=f"List all {noun}, and the plugin that each comes from.")(
        plugin_files(show_components)
    )
