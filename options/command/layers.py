"""Values of options by where they come from; every value and its source is read from these layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pixlate.options.fields import ConfigOption, Scope, defaults_of
from pixlate.options.shared import OWNERS
from pixlate.plugins.component import Component
from pixlate.plugins.manager import Plugins

from .stored import StoredRun

#: Where a value can come from: the later wins over the earlier.
SOURCES = ("default", "component", "stored run", "config file", "command line")
#: What a command changes of the shared defaults.
COMMAND_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "train": {},
    "test": {"model": "test", "phase": "test", "flip": False, "serial_batches": True, "num_threads": 2},
}


@dataclass(frozen=True)
class Layers:
    """(source, values by option name) pairs in the order of `SOURCES`; each wins over those before it.

    A None below the command line stands for the option's own default: options.json has one for "no limit".
    """

    pairs: tuple[tuple[str, Mapping[str, Any]], ...] = field(
        default_factory=lambda: tuple((source, {}) for source in SOURCES)
    )

    def with_layer(self, source: str, values: Mapping[str, Any]) -> "Layers":
        """These layers with the values of one source replaced."""
        return Layers(tuple((name, values if name == source else kept) for name, kept in self.pairs))

    def values(self, source: str) -> Mapping[str, Any]:
        """The values of one source."""
        return dict(self.pairs)[source]

    def merged(self) -> dict[str, Any]:
        """Every value that holds, by name."""
        return {name: value for _, values in self.pairs for name, value in values.items()}

    def below_command_line(self) -> dict[str, Any]:
        """What holds where the command line names nothing, as click's `default_map`."""
        merged = self.with_layer("command line", {}).merged()
        return {name: value for name, value in merged.items() if value is not None}

    def chosen(self, option: str) -> str:
        """The component that an option names; the default one where a layer names none."""
        return str(self.merged()[option] or self.values("default")[option])

    def source(self, name: str) -> str:
        """Where the value of an option comes from."""
        for source, values in reversed(self.pairs):
            if name in values:
                return source if values[name] is not None or source == "command line" else "default"
        return "default"


def requested_layers(command: str, config: Mapping[str, Any], words: Mapping[str, Any]) -> Layers:
    """What is known before a run is found: the defaults, the config file and the words of the command line."""
    defaults = {**defaults_of(reversed(OWNERS[command])), **COMMAND_DEFAULTS[command]}
    return Layers().with_layer("default", defaults).with_layer("config file", config).with_layer("command line", words)


def with_stored(layers: Layers, stored: StoredRun, command: str, options: Mapping[str, ConfigOption]) -> Layers:
    """The layers with those values of a stored run that the command reads back; `options`: the declared ones.

    An option that is declared nowhere, as those of plugins' `command_options`, goes with the run's model.
    """
    trained = stored.options.get("model")
    same_model = trained in (None, layers.with_layer("stored run", stored.options).chosen("model"))
    values = {
        name: value
        for name, value in stored.options.items()
        if (options[name].scope if name in options else Scope.MODEL).is_read_back(command, same_model=same_model)
    }
    return layers.with_layer("stored run", values)


def with_components(layers: Layers, plugins: Plugins) -> tuple[Layers, list[Component]]:
    """The layers with the defaults of the chosen model and data set, and those two components.

    The data set may be the model's default; its defaults win over the model's. Raises UnknownName.
    """
    model = plugins.registry("model").get(layers.chosen("model"))
    layers = layers.with_layer("component", model.defaults)
    dataset = plugins.registry("dataset").get(layers.chosen("dataset_mode"))
    return layers.with_layer("component", {**model.defaults, **dataset.defaults}), [model, dataset]
