"""Resolves a command line to `ResolvedOptions`, in six steps: peek, config, stored run, layers, parse, check.

Precedence, highest first: the command line, --config, the stored run, the defaults of the chosen components, the
declared defaults.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
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
from pixlate.util.foreign import foreign
from pixlate.util.text import quoted, shown

from .hints import changed_plugins, unknown_name, unknown_option
from .layers import COMMAND_DEFAULTS, Layers, requested_layers, with_components, with_stored
from .listing import read_run_options, reference_values
from .parser import TitledCommand, build_parser, declared_options
from .peek import peek, read_config
from .resolved import ResolvedOptions
from .run_names import check_name, run_name
from .stored import StoredRun, read_stored

log = logging.getLogger(__name__)


def resolve(command: str, args: list[str], plugins: Plugins) -> ResolvedOptions:
    """The options of `train` or `test`; names of components are looked up in `plugins`.

    Raises OptionError, CheckpointError for a damaged options.json, and click's usage errors; Exit for `--help`.
    """
    command_line = peek(command, args)
    named_plugins = command_line.pop("plugin", ())
    plugin_files = load_files(plugins, named_plugins)
    config = read_config(command_line.pop("config", None), plugins)
    requested = {**config, **command_line}
    layers = requested_layers(command, config, command_line)

    # The run's name decides which stored options there are: it cannot be one of them, nor depend on them.
    runs = Path(os.path.expanduser(requested.get("checkpoints_dir") or "./checkpoints"))
    name = run_name(command, runs, requested, layers.chosen("model"))
    if requested.get("suffix") and name:
        name = f"{name}_{_filled_suffix(command, args, plugins, layers, name)}"
        check_name(name, runs)
    declared = declared_options(plugins)
    stored = read_run_options(runs / name, declared) if name and _uses_stored_run(command, requested) else None
    try:
        if stored:
            # Before the components are looked up, because the stored run names them.
            layers = with_stored(layers, stored, command, declared)
            _check_model(layers, stored, name)
        layers, components = with_components(layers, plugins)
        parser = build_parser(command, plugins, components)
        values, layers = _parse(parser, args, plugins, layers)
        named_components = _named_components(command, components, values, plugins)
    except UnknownName as error:
        raise unknown_name(error, plugins, stored or _earlier_run(runs, name)) from None

    resolved = _resolved(command, {**values, "name": name}, layers, parser, named_components, stored, plugin_files)
    resolved = replace(resolved, named_plugins=named_plugins)
    _check_architecture(resolved)
    if command == "test" and stored:
        for line in changed_plugins(stored, resolved):
            log.warning(line)
    return resolved


def _uses_stored_run(command: str, requested: Mapping[str, Any]) -> bool:
    """Whether a command reads back the options that are stored with the run."""
    return command == "test" or bool(requested.get("continue_train")) or requested.get("resume") == "auto"


def _earlier_run(runs: Path, name: str) -> StoredRun | None:
    """The stored options of a run that the command does not read back, for the error about a missing plugin."""
    with suppress(PixlateError):
        return read_stored(runs / name) if name else None
    return None


def _filled_suffix(command: str, args: list[str], plugins: Plugins, layers: Layers, name: str) -> str:
    """`--suffix` with the values of options filled in, by the reference's names too; a stored run is not known yet."""
    suffix = str(layers.merged()["suffix"])
    layers, components = with_components(layers, plugins)
    parser = build_parser(command, plugins, components)
    context = parser.make_context(
        parser.name, list(args), resilient_parsing=True, default_map=layers.below_command_line(), obj=plugins
    )
    values = {**context.params, "name": name}
    values |= reference_values(values, parser.declared, training=command == "train")
    explanation = f"--suffix {quoted(suffix)} is invalid, its fields must be names of options"
    with foreign(lambda problem: OptionError(f"{explanation}: {problem}.")):
        return suffix.format(**values)


def _parse(parser: TitledCommand, args: list[str], plugins: Plugins, layers: Layers) -> tuple[dict[str, Any], Layers]:
    """The converted values of all options, and the layers with the values of the whole command line."""
    try:
        # What click does not expect comes from files: on the command line all values are text.
        with foreign(_wrong_kind, click.ClickException, click.exceptions.Exit, click.Abort):
            context = parser.make_context(parser.name, list(args), default_map=layers.below_command_line(), obj=plugins)
    except click.NoSuchOption as error:
        raise unknown_option(error, plugins) from None
    values = {name: value for name, value in context.params.items() if name not in ("config", "plugin")}
    command_line = {
        name: value
        for name, value in values.items()
        if context.get_parameter_source(name) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    }
    return values, layers.with_layer("command line", command_line)


def _wrong_kind(problem: str) -> OptionError:
    return OptionError(f"options.json or --config has a value of the wrong kind: {problem}.")


def _named_components(
    command: str, components: Sequence[Component], values: Mapping[str, Any], plugins: Plugins
) -> dict[str, Component]:
    """The component that each option of type `NameOf` names, including options of the model and of the data set.

    A test has no training options, but its model is built with their components: the default ones.
    """
    owners = [ModelOptions, *OWNERS[command], *(component.config for component in components if component.config)]
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
        values["load_size"] = values["crop_size"]  # a test resizes images to the size to which they are cropped
    # For "[default: …]" in train_opt.txt: what an option would be if neither the user nor a stored run set it.
    defaults = {**parser.defaults, **COMMAND_DEFAULTS[command], **layers.values("component")}
    return ResolvedOptions(command, values, sources, defaults, components, parser.declared, stored, plugin_files)


def _check_model(layers: Layers, stored: StoredRun, name: str) -> None:
    """Raise OptionError for a model other than the one that the run was trained with, and `test`."""
    stored_model, model = stored.options.get("model"), layers.chosen("model")
    if stored_model and not stored.is_listing and model not in (stored_model, "test"):
        raise OptionError(
            f"--model {model} contradicts run '{name}', which is a {shown(stored_model)}: omit it, or choose another "
            "--name."
        )


def _check_architecture(resolved: ResolvedOptions) -> None:
    """Raise OptionError for an option of a test that contradicts the run's stored architecture."""
    if resolved.command != "test" or resolved.stored is None or resolved.stored.is_listing:
        return
    for name, option in resolved.declared.items():
        value, stored_value = resolved.values[name], resolved.stored.options.get(name)
        if option.scope is not Scope.ARCHITECTURE or stored_value is None or value == stored_value:
            continue
        if resolved.is_given(name):
            flag = f"--no_{name}" if value is False else f"--{name} {value}"
            raise OptionError(
                f"{flag} contradicts run '{resolved.name}', which was trained with {name} = {shown(stored_value)}: "
                "omit it."
            )
