"""Registries of components by name, and `Register`, with which plugins add to them."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pixlate.errors import OptionError, did_you_mean

from .component import Component, PluginInfo, check_component

#: Each kind of component, and the hook that registers it.
KINDS: Mapping[str, str] = {
    "model": "register_models",
    "dataset": "register_datasets",
    "network": "register_networks",
    "norm": "register_norms",
    "loss": "register_losses",
    "init": "register_inits",
    "lr_policy": "register_lr_policies",
    "optimizer": "register_optimizers",
    "reader": "register_readers",
    "writer": "register_writers",
    "metric": "register_metrics",
    "viewer": "register_viewers",
}
#: Packages for some names that are not built in: the error of an unknown name says which one to install.
KNOWN_PACKAGES = {
    ("model", "cut"): "pixlate-cut",
    ("model", "fastcut"): "pixlate-cut",
    ("model", "bicycle_gan"): "pixlate-bicyclegan",
    ("model", "stargan"): "pixlate-stargan",
    ("dataset", "slices"): "pixlate-medical",
}


class UnknownName(OptionError):
    """No component of that kind has that name."""

    def __init__(self, message: str, kind: str, name: str) -> None:
        super().__init__(message)
        self.kind, self.name = kind, name


class Registry:
    """The components of one kind, by name; `-` and `_` in a name are the same.

    - complaints: returns a line for every broken plugin, which the error of an unknown name repeats.
    """

    def __init__(self, kind: str, complaints: Callable[[], list[str]] = list) -> None:
        self.kind = kind
        self._complaints = complaints
        self._components: dict[str, Component] = {}

    def add(self, component: Component) -> None:
        """Add a component. Raises OptionError, naming both plugins, when its name is taken."""
        registered = self._components.setdefault(_key(component.name), component)
        if registered is not component:
            raise OptionError(
                f"{self.kind} '{component.name}' of {component.plugin} is already registered by {registered.plugin}"
            )

    def remove(self, plugin: PluginInfo) -> None:
        """Remove all components of a plugin."""
        self._components = {
            key: component for key, component in self._components.items() if component.plugin is not plugin
        }

    def get(self, name: str, *, role: str = "") -> Component:
        """The component of that name (and role).

        Raises UnknownName with the nearest name when there is none, and with a line for every broken plugin.
        """
        component = self._components.get(_key(name))
        if component is not None and role in ("", component.role):
            return component
        sentence = f"no {role or self.kind.replace('_', ' ')} is named '{name}'."
        package = KNOWN_PACKAGES.get((self.kind, _key(name)))
        if package:
            sentence += f" {package} has it and is not installed: pip install {package}."
        else:
            sentence += did_you_mean(name, self.names(role))
        raise UnknownName("\n".join([sentence, *self._complaints()]), self.kind, name)

    def names(self, role: str = "") -> list[str]:
        """All names, sorted; those of one role where `role` is not empty."""
        return sorted(component.name for component in self if role in ("", component.role))

    def __iter__(self) -> Iterator[Component]:
        return iter(list(self._components.values()))

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._components


class Register:
    """The argument of every `register_*` hook, except `register_commands`: call it once for each component.

    Registrations are collected, and added to the registries when all hooks of the plugin have returned.
    """

    def __init__(self, kind: str, plugin: PluginInfo, collected: list[Component]) -> None:
        self._kind = kind
        self._plugin = plugin
        self._collected = collected

    def __call__(
        self,
        name: str,
        target: Any,
        *,
        config: type | None = None,
        help: str = "",
        defaults: Mapping[str, Any] = MappingProxyType({}),
        role: str = "",
    ) -> None:
        """Register a component.

        - name: what users type; letters, digits, `_` and `-`.
        - target: a class or callable, or "module:Name", which is imported when first used.
        - config: the frozen dataclass of its own options; for models, data sets and viewers.
        - help: a short description, shown in lists.
        - defaults: defaults of options that differ for this component; for models and data sets.
        - role: for networks: "generator" or "discriminator", or a role of the plugin's own for other networks.

        Raises ValueError for invalid arguments.
        """
        component = Component(self._kind, name, target, self._plugin, config, help, defaults, role)
        check_component(component)
        self._collected.append(component)


def _key(name: str) -> str:
    return name.replace("-", "_")
