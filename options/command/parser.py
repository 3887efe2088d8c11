"""Builds the parser of `train` or `test`: the shared options, then those of the chosen components and of viewers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from pixlate.errors import OptionError
from pixlate.options.fields import ConfigOption, options_of
from pixlate.options.shared import (
    DataOptions,
    ExperimentOptions,
    InferenceOptions,
    NetworkOptions,
    OptimisationOptions,
    TrainingOptions,
)
from pixlate.plugins.component import Component
from pixlate.plugins.manager import Plugins

from .help import SETTINGS, TitledCommand

OWNERS: Mapping[str, tuple[type, ...]] = {
    "train": (ExperimentOptions, DataOptions, NetworkOptions, OptimisationOptions, TrainingOptions),
    "test": (ExperimentOptions, InferenceOptions, DataOptions, NetworkOptions),
}
#: What a command changes of the shared defaults.
COMMAND_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "train": {},
    "test": {"model": "test", "phase": "test", "flip": False, "serial_batches": True, "num_threads": 2},
}
#: The kinds of components that have options of their own.
CONFIGURED = ("model", "dataset", "viewer")
HELP = {
    "train": """Train a model on a folder of images.

    \b
    python train.py --model pix2pix --dataroot ./datasets/facades
    python train.py --model cycle_gan --dataroot ./datasets/horse2zebra
    """,
    "test": """Translate images with a trained model and lay out a gallery.

    \b
    python test.py                               (the newest run)
    python test.py --name facades_pix2pix        (a run remembers its options)
    """,
}
FILES = (
    click.Option(
        ["--config"],
        metavar="FILE.toml",
        help="values of options, below the command line and above the defaults",
    ),
    click.Option(
        ["--plugin"],
        metavar="FILE.py",
        multiple=True,
        help="also load the plugin in this file: its code runs",
    ),
)


def build_parser(command: str, plugins: Plugins, components: Sequence[Component]) -> TitledCommand:
    """The parser of a command with the chosen model and data set."""
    owners: list[tuple[type, str]] = [(owner, "") for owner in OWNERS[command]]
    viewers = [made for made in plugins.registry("viewer") if command == "train"]
    for component in (*components, *viewers):
        if component.config:
            kind = "data set" if component.kind == "dataset" else component.kind
            owners.append((component.config, f"{kind.capitalize()} {component.name}{_origin(component)}"))
    parameters = _parameters(owners)
    parameters += _plugin_options(command, plugins, parameters)
    models = sorted((made.name, made.help) for made in plugins.registry("model"))
    return TitledCommand(
        f"{command}.py",
        context_settings=SETTINGS,
        params=[*parameters, *FILES],
        help=HELP[command],
        lists=[("Models", models)],
    )


def declared_defaults(command: str, parser: click.Command) -> dict[str, Any]:
    """What every option is when nobody says anything."""
    return {str(p.name): p.default for p in parser.params if isinstance(p, ConfigOption)} | dict(
        COMMAND_DEFAULTS[command]
    )


def _origin(component: Component) -> str:
    plugin = component.plugin
    return "" if plugin.distribution == "pixlate" else f" ({plugin.distribution or plugin.file} {plugin.version})"


def _parameters(owners: Iterable[tuple[type, str]]) -> list[click.Parameter]:
    parameters: dict[str, click.Parameter] = {}
    shared = {str(made.name) for group in OWNERS.values() for owner in group for made in options_of(owner)}
    for owner, title in owners:
        for made in options_of(owner, title):
            if title and made.name in shared and not title.startswith("Viewer"):
                raise OptionError(f"{title} declares --{made.name}, which is an option of every run.")
            parameters.setdefault(str(made.name), made)
    return list(parameters.values())


def _plugin_options(command: str, plugins: Plugins, known: Sequence[click.Parameter]) -> list[click.Parameter]:
    added: list[click.Parameter] = []
    for info, ask in list(plugins.implementations("command_options")):
        try:
            asked = [_titled(made, f"Plugin {info.name}") for made in ask(command=command) or ()]
            _check_free(asked, [*known, *FILES, *added])
            added += asked
        except (Exception, SystemExit) as error:
            plugins.skip(info, error)
    return added


def _check_free(asked: Sequence[click.Parameter], known: Sequence[click.Parameter]) -> None:
    taken = {"-h", "--help"} | {name for made in known for name in _spellings(made)}
    for made in asked:
        spellings = _spellings(made)
        if spellings & taken:
            raise OptionError(f"it declares {min(spellings & taken)}, which is an option already")
        taken |= spellings


def _spellings(made: click.Parameter) -> set[str]:
    return {str(made.name), *(name.replace("_", "-") for name in (*made.opts, *made.secondary_opts))}


def _titled(made: click.Option, title: str) -> click.Option:
    if not isinstance(made, click.Option):
        raise OptionError(f"its command_options returned {made!r}, which is no click.Option")
    if not made.help:
        raise OptionError(f"its option {made.opts[0]} has no help")
    if not isinstance(made, ConfigOption):
        made.__class__ = type("PluginOption", (ConfigOption, type(made)), {})
    made.title = title  # type: ignore[attr-defined]
    return made
