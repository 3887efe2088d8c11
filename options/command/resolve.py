"""From a command line to `ResolvedOptions`: peek, config, stored run, layers, parse, check.

The command line wins over --config, that over the stored run, that over the chosen components' defaults, and those
over the options' own defaults.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pixlate.errors import OptionError, PixlateError
from pixlate.options.fields import Scope, defaults_of
from pixlate.options.shared import OWNERS, ModelOptions
from pixlate.plugins.component import Component
from pixlate.plugins.discovery import load_files
from pixlate.plugins.manager import Plugins
from pixlate.plugins.registry import UnknownName
from pixlate.util.text import one_line

from .hints import changed_plugins, unknown_name, unknown_option
from .layers import COMMAND_DEFAULTS, Layers, requested_layers, with_components, with_stored
from .parser import TitledCommand, build_parser, declared_options
from .peek import peek, read_config
from .resolved import ResolvedOptions
from .run_names import run_name
from .stored import StoredRun, read_stored

log = logging.getLogger(__name__)


def resolve(command: str, args: list[str], plugins: Plugins) -> ResolvedOptions:
    """The options of `train` or `test`, with the components that `plugins` has.

    Raises OptionError or click's usage errors; `--help` raises click's Exit.
    """
    words = peek(command, args)
    plugin_files = load_files(plugins, words.pop("plugin", ()))
    config = read_config(words.pop("config", None), plugins)
    requested = {**config, **words}
    layers = requested_layers(command, config, words)

    runs = Path(requested.get("checkpoints_dir") or "./checkpoints")
    suffix = _filled_suffix(command, args, plugins, layers) if requested.get("suffix") else ""
    name = run_name(command, runs, requested, layers.chosen("model"), suffix)
    stored = read_stored(runs / name) if name and _reads_back(command, requested) else None
    try:
        if stored:
            layers = with_stored(layers, stored, command, declared_options(plugins))
            _check_model(layers, stored, name)
        layers, components = with_components(layers, plugins)
        parser = build_parser(command, plugins, components)
        values, layers = _parse(parser, args, plugins, layers)
        named = _named_components(command, components, values, plugins)
    except UnknownName as error:
        raise unknown_name(error, plugins, stored or _earlier_run(runs, name)) from None

    resolved = _resolved(command, {**values, "name": name}, layers, parser, named, stored, plugin_files)
    _check_architecture(resolved)
    if command == "test" and stored:
        for line in changed_plugins(stored, resolved):
            log.warning(line)
    return resolved


def _reads_back(command: str, requested: Mapping[str, Any]) -> bool:
    """Whether a command goes on from what is stored with the run."""
    return command == "test" or bool(requested.get("continue_train")) or requested.get("resume") == "auto"


def _earlier_run(runs: Path, name: str) -> StoredRun | None:
    """The options of a run that the command does not go on from, for what they say about a missing plugin."""
    with suppress(PixlateError):
        return read_stored(runs / name) if name else None
    return None


def _filled_suffix(command: str, args: list[str], plugins: Plugins, layers: Layers) -> str:
    """`--suffix` with the options' values filled in, as far as they are known before the run's name is."""
    suffix = str(layers.merged()["suffix"])
    layers, components = with_components(layers, plugins)
    parser = build_parser(command, plugins, components)
    context = parser.make_context(
        parser.name, list(args), resilient_parsing=True, default_map=layers.below_command_line(), obj=plugins
    )
    try:
        return suffix.format(**context.params)
    except (KeyError, IndexError, ValueError) as error:
        raise OptionError(f"--suffix '{suffix}' names no option: {error}.") from None


def _parse(parser: TitledCommand, args: list[str], plugins: Plugins, layers: Layers) -> tuple[dict[str, Any], Layers]:
    """The converted values of all options, and the layers with those that the command line gives."""
    try:
        context = parser.make_context(parser.name, list(args), default_map=layers.below_command_line(), obj=plugins)
    except click.NoSuchOption as error:
        raise unknown_option(error, plugins) from None
    except PixlateError:
        raise
    except (TypeError, ValueError, AttributeError) as error:  # from files: the command line gives only text
        raise OptionError(f"options.json or --config has a value of the wrong kind: {one_line(error)}.") from error
    files = ("config", "plugin")
    values = {name: value for name, value in context.params.items() if name not in files}
    words = {
        name: value
        for name, value in values.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    return values, layers.with_layer("command line", words)


def _named_components(
    command: str, components: Sequence[Component], values: Mapping[str, Any], plugins: Plugins
) -> dict[str, Component]:
    """The component that each option of kind `NameOf` names, those of the model's and data set's own among them.

    A test has no options of training, but the model that it builds wants their components: the default ones.
    """
    owners = [ModelOptions, *OWNERS[command], *(part.config for part in components if part.config)]
    return plugins.components(owners, {**defaults_of([ModelOptions]), **values})


def _resolved(
    command: str,
    values: dict[str, Any],
    layers: Layers,
    parser: TitledCommand,
    components: Mapping[str, Component],
    stored: StoredRun | None,
    plugin_files: Mapping[str, str],
) -> ResolvedOptions:
    sources = {name: layers.source(name) for name in values}
    if command == "test" and sources["load_size"] == "default":
        values["load_size"] = values["crop_size"]  # a test scales images to the size that they are cropped to
    defaults = {**parser.defaults, **COMMAND_DEFAULTS[command], **layers.values("component")}
    return ResolvedOptions(command, values, sources, defaults, components, parser.declared, stored, plugin_files)


def _check_model(layers: Layers, stored: StoredRun, name: str) -> None:
    """Refuse another model than the one that the run was trained with, except `test`."""
    trained, model = stored.options.get("model"), layers.chosen("model")
    if trained and model not in (trained, "test"):
        raise OptionError(
            f"--model {model} contradicts run '{name}', which is a {trained}: leave it out, or choose another --name."
        )


def _check_architecture(resolved: ResolvedOptions) -> None:
    """Refuse an option of a test that contradicts the run's stored architecture."""
    if resolved.stored is None or resolved.command != "test":
        return
    for name, option in resolved.declared.items():
        value, trained = resolved.values[name], resolved.stored.options.get(name)
        if option.scope is not Scope.ARCHITECTURE or trained is None or value == trained:
            continue
        if resolved.sources[name] in ("command line", "config file"):
            flag = f"--no_{name}" if value is False else f"--{name} {value}"
            raise OptionError(
                f"{flag} contradicts run '{resolved.name}', which was trained with {name} = {trained}: leave it out."
            )
