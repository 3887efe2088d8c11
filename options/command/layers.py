"""Layers of option values by their source, lowest precedence first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pixlate.options.fields import ConfigOption, Scope, defaults_of
from pixlate.options.shared import OWNERS
from pixlate.plugins.component import Component
from pixlate.plugins.manager import Plugins

from .stored import StoredRun

#: The sources of values: a later one takes precedence over an earlier one.
SOURCES = ("default", "component", "stored run", "config file", "command line")
#: The defaults of each command that differ from the declared ones.
COMMAND_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "train": {},
    "test": {"model": "test", "phase": "test", "flip": False, "serial_batches": True, "num_threads": 2},
}


@dataclass(frozen=True)
class Layers:
    """(source, values by option name) pairs in the order of `SOURCES`, the order of precedence.

    None below the command line means the option's declared default: in options.json it stands for "no limit".
    """

    pairs: tuple[tuple[str, Mapping[str, Any]], ...] = field(
        default_factory=lambda: tuple((source, {}) for source in SOURCES)
    )

    def with_layer(self, source: str, values: Mapping[str, Any]) -> "Layers":
        """These layers with the values of one source replaced."""
        return Layers(tuple((name, values if name == source else current) for name, current in self.pairs))

    def values(self, source: str) -> Mapping[str, Any]:
        """The values of one source."""
        return dict(self.pairs)[source]

    def merged(self) -> dict[str, Any]:
        """The value of highest precedence of every option, by name."""
        return {name: value for _, values in self.pairs for name, value in values.items()}

    def below_command_line(self) -> dict[str, Any]:
        """The values of options that the command line does not name, as click's `default_map`."""
        merged = self.with_layer("command line", {}).merged()
        return {name: value for name, value in merged.items() if value is not None}

    def chosen(self, option: str) -> str:
        """The name of the component that an option selects; the default one where its value is empty."""
        return str(self.merged()[option] or self.values("default")[option])

    def source(self, name: str) -> str:
        """The source of an option's value, one of `SOURCES`."""
        for source, values in reversed(self.pairs):
            if name in values:  # None below the command line means the default, see the class
                return source if values[name] is not None or source == "command line" else "default"
        return "default"


def requested_layers(command: str, config: Mapping[str, Any], command_line: Mapping[str, Any]) -> Layers:
    """The layers that are known before the run is: defaults, config file and command line."""
    defaults = {**defaults_of(reversed(OWNERS[command])), **COMMAND_DEFAULTS[command]}
    layers = Layers().with_layer("default", defaults).with_layer("config file", config)
    return layers.with_layer("command line", command_line)


def with_stored(layers: Layers, stored: StoredRun, command: str, options: Mapping[str, ConfigOption]) -> Layers:
    """The layers with the values of a stored run that the command reads back.

    - options: the declared options. Others, as those of plugins' `command_options`, have the scope MODEL.
    """
    stored_model = stored.options.get("model")
    same_model = stored_model in (None, layers.with_layer("stored run", stored.options).chosen("model"))
    values = {
        name: value
        for name, value in stored.options.items()
        if (options[name].scope if name in options else Scope.MODEL).is_read_back(command, same_model=same_model)
    }
    return layers.with_layer("stored run", values)


def with_components(layers: Layers, plugins: Plugins) -> tuple[Layers, list[Component]]:
    """The layers with the defaults of the chosen model and data set; and these two components.

    The model's defaults may choose the data set, whose own defaults take precedence. Raises UnknownName.
    """
    model = plugins.registry("model").get(layers.chosen("model"))
    layers = layers.with_layer("component", model.defaults)
    dataset = plugins.registry("dataset").get(layers.chosen("dataset_mode"))
    return layers.with_layer("component", {**model.defaults, **dataset.defaults}), [model, dataset]
