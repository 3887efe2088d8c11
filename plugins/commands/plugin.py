"""The other commands of `pixlate`: list plugins and components, create a plugin, get and make data.

Their modules are imported when a command runs, because `pixlate --help` imports this module.
"""

from pathlib import Path

import click

from pixlate.plugins.discovery import load_files
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.manager import Plugins
from pixlate.plugins.registry import KINDS
from pixlate.util.output import print_result, say

from .check import check_command
from .common_options import plugin_files
from .compare import compare_command
from .data_tools import COMMANDS
from .distill import distill_command
from .download import download_command
from .evaluate import evaluate_command
from .export import export_command
from .runs import runs_command
from .serve import serve_command
from .translate import translate_command

#: The plurals of kinds in help texts, where they differ from the names of the hooks.
PLURALS = {"model": "models", "dataset": "data sets", "lr_policy": "learning-rate policies", "init": "initialisations"}


@hookimpl
def register_commands(cli: click.Group) -> None:
    cli.add_command(list_plugins)
    cli.add_command(new_plugin)
    cli.add_command(download_command)
    for command in (
        *(check_command, evaluate_command, runs_command, compare_command),
        *(distill_command, translate_command, export_command, serve_command),
        *COMMANDS,
    ):
        cli.add_command(command)
    for kind, hook in KINDS.items():
        cli.add_command(_listing(kind, hook.removeprefix("register_").replace("_", "-")))


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="as JSON, with each plugin's components and hooks")
@plugin_files
@click.pass_obj
def list_plugins(plugins: Plugins, as_json: bool, files: tuple[str, ...]) -> None:
    """List all plugins with their components, or the reason why one is not loaded."""
    from .listing import plugins_json, plugins_table, show

    load_files(plugins, files)
    if as_json:
        print_result(plugins_json(plugins))
    else:
        show(plugins_table(plugins))


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=".",
    metavar="FOLDER",
    help="where the package's folder is created",
)
@click.option(
    "--kind",
    type=click.Choice(["model", "dataset", "viewer", "reader", "metric"]),
    default="model",
    show_default=True,
    help="what the example in it is",
)
@click.pass_obj
def new_plugin(plugins: Plugins, name: str, folder: Path, kind: str) -> None:
    """Create a plugin package with an example and its tests."""
    from .scaffold import write_package

    package = write_package(plugins, name, folder, kind)
    say(f"Wrote {package}: read its README.md. Next:\n  pip install -e '{package}[test]'\n  pytest {package}")


def _listing(kind: str, command: str) -> click.Command:
    """The command that lists the components of one kind."""

    @click.pass_obj
    def show_components(plugins: Plugins, files: tuple[str, ...]) -> None:
        from .listing import components_table, show

        load_files(plugins, files)
        show(components_table(plugins.registry(kind)))

    noun = PLURALS.get(kind, command)
    help = f"List all {noun} with their plugins."
    return click.command(command, help=help)(plugin_files(show_components))
