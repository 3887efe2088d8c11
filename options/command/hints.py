"""Hints in errors about unknown names: the owner of an option, the plugin of a component; and changed plugins."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from pixlate.errors import OptionError
from pixlate.options.fields import component_options, options_by_name
from pixlate.options.shared import OWNERS, ExperimentOptions
from pixlate.plugins.component import CONFIGURED
from pixlate.plugins.manager import Plugins
from pixlate.plugins.registry import UnknownName
from pixlate.util.program import program

from .resolved import ResolvedOptions
from .stored import StoredRun

BUILTIN = "pixlate"  # the distribution of built-in components


def test_command(resolved: ResolvedOptions) -> str:
    """The command that tests a run after its training, as the user would type it."""
    words = ["--name", resolved.name]
    if resolved.values["checkpoints_dir"] != ExperimentOptions.checkpoints_dir:
        words += ["--checkpoints_dir", str(resolved.values["checkpoints_dir"])]
    for file in resolved.named_plugins:
        words += ["--plugin", file]
    return f"{program('test')} {shlex.join(words)}"


def unknown_option(error: click.NoSuchOption, plugins: Plugins) -> click.UsageError:
    """The error for an unknown option, with the component that has it, or else with the broken plugins."""
    name = error.option_name.lstrip("-").replace("-", "_").removeprefix("no_")
    for kind in CONFIGURED:
        for component in plugins.registry(kind):
            if component.config and name in options_by_name([component.config]):
                text = f"{error.format_message()} It is an option of {kind} '{component.name}'."
                return click.UsageError(text, error.ctx)
    return click.UsageError("\n".join([error.format_message(), *plugins.complaints()]), error.ctx)


def unknown_name(error: UnknownName, plugins: Plugins, stored: StoredRun | None) -> OptionError:
    """The error for an unknown component, with the plugin to install where a stored run used it."""
    if stored is None:
        return error
    parameters = component_options(owner for owners in OWNERS.values() for owner in owners)
    for option, component in stored.components.items():
        if option in parameters and (parameters[option].kind, component.get("name")) == (error.kind, error.name):
            return missing_plugin(plugins, option, component, stored.plugin_files) or error
    return error


def missing_plugin(
    plugins: Plugins, option: str, component: Mapping[str, str], files: Mapping[str, str]
) -> OptionError | None:
    """The error for a stored component that no plugin has; None for a built-in one.

    - component: its entry in options.json; files: the plugin files of the run.
    """
    distribution, version = component.get("distribution", ""), component.get("version", "")
    if distribution == BUILTIN:
        return None
    origin = f"{option} '{component['name']}' came from"
    if not distribution:
        plugin = component.get("plugin")
        path = next((path for path in files if Path(path).stem == plugin), f"{plugin}.py")
        return OptionError(f"{origin} the plugin file '{path}': add --plugin {path} (its code runs).")
    installed = next((info for info in plugins.infos if info.distribution == distribution), None)
    if installed is None:
        advice = f"which is not installed: pip install {distribution}"
    elif installed.status == "disabled":
        advice = f"which PIXLATE_PLUGINS leaves out: add {installed.name} to it"
    elif installed.status == "broken":
        advice = "which is installed and cannot be loaded"
    else:
        advice = f"and {installed.version} does not have it: pip install {distribution}=={version}"
    return OptionError("\n".join([f"{origin} {distribution} {version}, {advice}.", *plugins.complaints()]))


def changed_plugins(stored: StoredRun, resolved: ResolvedOptions) -> Iterator[str]:
    """A line for each plugin of the run whose version or file has changed since the training."""
    current = resolved.to_store({})
    versions: dict[str, tuple[str, str]] = {}
    for option, component in current.components.items():
        stored_component = stored.components.get(option, {})
        if stored_component.get("distribution") == component["distribution"] != BUILTIN:
            versions[component["distribution"]] = stored_component.get("version", ""), component["version"]
    for distribution, (trained_with, installed) in versions.items():
        if trained_with != installed:
            yield f"the run was trained with {distribution} {trained_with}, and {installed} is installed"
    for path, digest in current.plugin_files.items():
        if stored.plugin_files.get(path, digest) != digest:
            yield f"the plugin file '{path}' has changed since the run was trained"
