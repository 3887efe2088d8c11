"""The resolved options of one command: values, their sources, and the components that they name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pixlate.options.fields import ConfigOption, OnChange, build
from pixlate.plugins.component import Component

from .stored import StoredRun

C = TypeVar("C")


@dataclass(frozen=True)
class ResolvedOptions:
    """The resolved options of one command.

    - values: by option name; sources: of each value, one of `layers.SOURCES`.
    - defaults: of each option, those of the chosen components included.
    - components: the chosen model, data set, networks and others, by the option that names them.
    - declared: the declared options by name, without plugins' plain click options.
    - stored: the stored options of the run; None where it has none or the command does not read them.
    - plugin_files: the digest of each plugin file, by path.
    - named_plugins: the plugin files that the command line names.
    """

    command: str
    values: Mapping[str, Any]
    sources: Mapping[str, str]
    defaults: Mapping[str, Any]
    components: Mapping[str, Component]
    declared: Mapping[str, ConfigOption] = field(default_factory=dict)
    stored: StoredRun | None = None
    plugin_files: Mapping[str, str] = field(default_factory=dict)
    named_plugins: Sequence[str] = ()

    def with_values(self, values: Mapping[str, Any]) -> "ResolvedOptions":
        """These options with the values that the data determine."""
        return replace(self, values={**self.values, **values})

    def options(self, owner: type[C]) -> C:
        """The values of one owner, as its config dataclass."""
        return build(owner, self.values)

    def config_of(self, option: str) -> Any:
        """The config of the component that an option names; None where it has none."""
        return self.config_for(self.components[option])

    def config_for(self, component: Component) -> Any:
        """The config of a component; None where it has none."""
        return build(component.config, self.values) if component.config else None

    def is_given(self, name: str) -> bool:
        """Whether the command itself names an option, on its line or in its config file."""
        return self.sources.get(name) in ("command line", "config file")

    def on_change(self, name: str) -> OnChange:
        """What resuming the run does about another value of an option; changes of undeclared ones are listed."""
        return self.declared[name].on_change if name in self.declared else "list"

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.values["name"])

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return Path(str(self.values["checkpoints_dir"])) / self.name

    def to_store(self, environment: Mapping[str, Any]) -> StoredRun:
        """The content of options.json.

        - environment: the machine fingerprint.
        """
        origins = {
            option: {"name": component.name, **_origin(component)} for option, component in self.components.items()
        }
        sources = dict(self.sources)
        if self.stored is not None:  # what was given when the run was started stays given
            stored = (name for name, source in self.sources.items() if source == "stored run")
            sources |= {name: self.stored.sources.get(name, "stored run") for name in stored}
        return StoredRun(dict(self.values), sources, origins, self.plugin_files, environment)


def _origin(component: Component) -> dict[str, str]:
    plugin = component.plugin
    return {"plugin": plugin.name, "distribution": plugin.distribution, "version": plugin.version}
