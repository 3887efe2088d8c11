"""From a command line to a `Choice`: peek at the components, then parse with their options added.

The command line wins over --config, that over the stored run, that over the chosen component's defaults, and those
over the options' own defaults.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from pixlate.errors import OptionError, PixlateError
from pixlate.options.fields import defaults_of, options_of
from pixlate.options.shared import ModelOptions, NetworkOptions
from pixlate.plugins.component import Component
from pixlate.plugins.discovery import load_files
from pixlate.plugins.manager import Plugins
from pixlate.plugins.registry import UnknownName
from pixlate.util.text import one_line

from .origins import changed_plugins, missing_plugin
from .parser import COMMAND_DEFAULTS, CONFIGURED, OWNERS, build_parser, declared_defaults
from .peek import SWITCHES, TEXTS, peek, read_config
from .resolved import ResolvedOptions
from .run_names import check_name, default_name, newest_run
from .stored import StoredRun, read_stored

log = logging.getLogger(__name__)

#: The options that name a component: its kind and role.
COMPONENTS: Mapping[str, tuple[str, str]] = {
    "model": ("model", ""),
    "dataset_mode": ("dataset", ""),
    "netG": ("network", "generator"),
    "netD": ("network", "discriminator"),
    "norm": ("norm", ""),
    "init_type": ("init", ""),
    "gan_mode": ("loss", ""),
    "lr_policy": ("lr_policy", ""),
}
#: Stored options that say how a run was started, not what it is.
NOT_CONTINUED = (
    "continue_train",
    "resume",
    "overwrite",
    "epoch_count",
    "epoch",
    "load_iter",
    "name",
    "suffix",
    "checkpoints_dir",  # the folder may have been moved, and where it lies now is known
)
#: Stored options of a training that mean nothing to its test.
NOT_TESTED = (
    *NOT_CONTINUED,
    *("phase", "load_size", "flip", "serial_batches", "batch_size", "num_threads", "max_dataset_size"),
    *("precision", "device", "gpu_ids", "verbose", "on_bad_image", "max_bad_images", "cache", "cache_dir"),
)
_NAMED_DEFAULTS = {
    str(made.name): made.default for owner in OWNERS["train"] for made in options_of(owner) if made.name in COMPONENTS
}


def resolve(command: str, args: list[str], plugins: Plugins) -> ResolvedOptions:
    """The options of `train` or `test`, with the components that `plugins` has.

    Raises OptionError or click's usage errors; `--help` raises click's Exit.
    """
    peeked = peek(command, args)
    plugin_files = load_files(plugins, peeked.pop("plugin", ()))
    config = read_config(peeked.pop("config", None), plugins)
    asked = {**{name: config[name] for name in (*TEXTS, *SWITCHES) if name in config}, **peeked}
    resolution = _Resolution(command, plugins, config, asked)
    try:
        if asked.get("suffix"):
            resolution.fill_suffix(args)
        resolution.find_run()
        return resolution.parse(args, plugin_files)
    except UnknownName as error:
        raise resolution.explained(error) from None


class _Resolution:
    """The layers of values below one command line, and the parser that they belong to."""

    def __init__(self, command: str, plugins: Plugins, config: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        self.command = command
        self.plugins = plugins
        self.config = dict(config)
        self.asked = dict(asked)
        self.stored: StoredRun | None = None
        self.name = str(asked.get("name") or "")
        self.suffix = ""

    def find_run(self) -> None:
        """Decide the run's name, and read its stored options where the command goes on from them."""
        folder = self._folder()
        if not self.name and self.command == "test":
            self.name = newest_run(folder)
            if self.name:
                log.info(f"No --name given: testing the newest run, '{self.name}'.")
        if not self.name and self.asked.get("dataroot"):
            self.name = default_name(str(self.asked["dataroot"]), self._chosen("model"))
        if self.name and self.suffix:
            self.name = f"{self.name}_{self.suffix}"
        if not self.name:
            return
        check_name(self.name, folder)
        goes_on = self.asked.get("continue_train") or self.asked.get("resume") == "auto"
        if self.command == "test" or goes_on:
            self.stored = read_stored(folder / self.name)

    def fill_suffix(self, args: list[str]) -> None:
        """Fill `--suffix` in from the options' values, as far as they are known before the stored run is."""
        made = self._parser()
        context = made.make_context(
            made.name, list(args), resilient_parsing=True, default_map=self._below(), obj=self.plugins
        )
        try:
            self.suffix = str(self.asked["suffix"]).format(**context.params)
        except (KeyError, IndexError, ValueError) as error:
            raise OptionError(f"--suffix '{self.asked['suffix']}' names no option: {error}.") from None

    def parse(self, args: list[str], plugin_files: Mapping[str, str]) -> ResolvedOptions:
        """Parse the command line over all layers."""
        self._check_model()
        made = self._parser()
        try:
            context = made.make_context(made.name, list(args), default_map=self._below(), obj=self.plugins)
        except click.NoSuchOption as error:
            raise self._hinted(error) from None
        except PixlateError:
            raise
        except (TypeError, ValueError, AttributeError) as error:  # from files: the command line gives only text
            raise OptionError(f"options.json or --config has a value of the wrong kind: {one_line(error)}.") from error
        with context:
            values = dict(context.params)
        for name in ("config", "plugin"):
            values.pop(name, None)
        sources = {name: self._source(context, name) for name in values}
        if self.command == "test" and sources["load_size"] == "default":
            values["load_size"] = values["crop_size"]
        values["name"] = self.name
        owners = [ModelOptions, *OWNERS[self.command]]
        owners += [made.config for made in map(self._component, ("model", "dataset_mode")) if made.config]
        components = self.plugins.components(owners, {**defaults_of([ModelOptions]), **values})
        defaults = {**declared_defaults(self.command, made), **self._layer("component")}
        resolved = ResolvedOptions(self.command, values, sources, defaults, components, self.stored, plugin_files)
        _check_architecture(resolved)
        if self.command == "test" and self.stored:
            for line in changed_plugins(self.stored, resolved):
                log.warning(line)
        return resolved

    def explained(self, error: UnknownName) -> OptionError:
        """The error of a name that nothing has, with what to install where an earlier run of that name had it."""
        stored = self.stored
        if stored is None and self.name:
            with suppress(PixlateError):
                stored = read_stored(self._folder() / self.name)
        if stored is None:
            return error
        for option, part in stored.components.items():
            if (COMPONENTS.get(option, ("",))[0], part.get("name")) == (error.kind, error.name):
                return missing_plugin(self.plugins, option, part, stored.plugin_files) or error
        return error

    def _folder(self) -> Path:
        return Path(self.asked.get("checkpoints_dir") or "./checkpoints")

    def _chosen(self, option: str) -> str:
        """The component that an option names, before the command line is parsed as a whole."""
        for layer in (self.asked, self.config, self._stored_values()):
            if layer.get(option):
                return str(layer[option])
        if option != "model":
            return str(self._layer("component").get(option, _NAMED_DEFAULTS[option]))
        return str(COMMAND_DEFAULTS[self.command].get("model", _NAMED_DEFAULTS["model"]))

    def _component(self, option: str) -> Component:
        kind, role = COMPONENTS[option]
        return self.plugins.registry(kind).get(self._chosen(option), role=role)

    def _layer(self, name: str) -> Mapping[str, Any]:
        if name == "component":
            return {**self._component("model").defaults, **self._dataset_defaults()}
        return {"config file": self.config, "stored run": self._stored_values()}[name]

    def _dataset_defaults(self) -> Mapping[str, Any]:
        asked = self.asked.get("dataset_mode") or self.config.get("dataset_mode")
        name = (
            asked or self._stored_values().get("dataset_mode") or self._component("model").defaults.get("dataset_mode")
        )
        registry = self.plugins.registry("dataset")
        return registry.get(str(name)).defaults if name and str(name) in registry else {}

    def _below(self) -> dict[str, Any]:
        """All layers below the command line, as click's default_map."""
        merged = {
            **COMMAND_DEFAULTS[self.command],
            **self._layer("component"),
            **self._layer("stored run"),
            **self._layer("config file"),
        }
        return {name: value for name, value in merged.items() if value is not None}

    def _stored_values(self) -> Mapping[str, Any]:
        if self.stored is None:
            return {}
        left_out = NOT_TESTED if self.command == "test" else NOT_CONTINUED
        values = {name: value for name, value in self.stored.options.items() if name not in left_out}
        model = self.asked.get("model") or self.config.get("model")
        if self.command == "test" and model == "test" != self.stored.options.get("model"):
            kept = {made.name for made in options_of(NetworkOptions)} | {"preprocess", "crop_size", "seed"}
            values = {name: value for name, value in values.items() if name in kept}
        return values

    def _check_model(self) -> None:
        trained = self.stored.options.get("model") if self.stored else None
        if trained and self._chosen("model") not in (trained, "test"):
            raise OptionError(
                f"--model {self._chosen('model')} contradicts run '{self.name}', which is a {trained}: "
                "leave it out, or choose another --name."
            )

    def _parser(self) -> click.Command:
        chosen = [self._component(option) for option in ("model", "dataset_mode")]
        return build_parser(self.command, self.plugins, chosen)

    def _source(self, context: click.Context, name: str) -> str:
        source = context.get_parameter_source(name)
        if source is click.core.ParameterSource.COMMANDLINE:
            return "command line"
        if source is click.core.ParameterSource.DEFAULT_MAP:
            for layer in ("config file", "stored run", "component"):
                if self._layer(layer).get(name) is not None:
                    return layer
        return "default"

    def _hinted(self, error: click.NoSuchOption) -> click.UsageError:
        wanted = error.option_name.lstrip("-").replace("-", "_").removeprefix("no_")
        for kind in CONFIGURED:
            for component in self.plugins.registry(kind):
                if component.config and wanted in {made.name for made in options_of(component.config)}:
                    text = f"{error.format_message()} It is an option of {kind} '{component.name}'."
                    return click.UsageError(text, error.ctx)
        return click.UsageError("\n".join([error.format_message(), *self.plugins.complaints()]), error.ctx)


def _check_architecture(resolved: ResolvedOptions) -> None:
    """Refuse a network flag of a test that contradicts the run's stored architecture."""
    if resolved.stored is None or resolved.command != "test":
        return
    for name in {str(made.name) for made in options_of(NetworkOptions)} - {
        "direction",
        "init_type",
        "init_gain",
        "netD",
        "ndf",
        "n_layers_D",
    }:
        said, kept = resolved.values[name], resolved.stored.options.get(name)
        if kept is not None and said != kept and resolved.sources[name] in ("command line", "config file"):
            flag = f"--no_{name}" if said is False else f"--{name} {said}"
            raise OptionError(
                f"{flag} contradicts run '{resolved.name}', which was trained with {name} = {kept}: leave it out."
            )
