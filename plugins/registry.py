"""Names and what they stand for: one `Registry` class serves every kind of component."""

import dataclasses
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pixlate.errors import OptionError, did_you_mean

#: Each kind of component: the word for it in sentences, and the hook that registers it.
KINDS: Mapping[str, str] = {
    "model": "register_models",
    "dataset": "register_datasets",
    "network": "register_networks",
    "norm": "register_norms",
    "loss": "register_losses",
    "init": "register_inits",
    "lr_policy": "register_lr_policies",
    "viewer": "register_viewers",
}
ROLES = ("generator", "discriminator")


@dataclass
class PluginInfo:
    """One plugin: where it comes from and what became of it."""

    name: str
    distribution: str = ""
    version: str = ""
    status: str = "loaded"  # or "disabled", "broken"
    reason: str = ""
    file: str = ""
    registered: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        origin = f"of {self.distribution} {self.version}" if self.distribution else f"in {self.file}"
        return f"plugin {self.name} {origin}".strip()


@dataclass(frozen=True)
class Component:
    """A registered name. `load()` imports and returns what it stands for."""

    kind: str
    name: str
    target: Any
    plugin: PluginInfo
    config: type | None = None
    help: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    role: str = ""

    def load(self) -> Any:
        """The registered class or callable; a "module:Name" target is imported now."""
        if not isinstance(self.target, str):
            return self.target
        module, _, name = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise OptionError(
                f"{self.kind} '{self.name}' of {self.plugin} cannot be loaded from '{self.target}': {error}."
            ) from error


class Registry:
    """The components of one kind, by name."""

    def __init__(self, kind: str, broken: Callable[[], list[str]]) -> None:
        self.kind = kind
        self._broken = broken
        self._components: dict[str, Component] = {}

    def add(self, component: Component) -> None:
        """Add a component. Raises OptionError, naming both plugins, when its name is taken."""
        first = self._components.get(component.name)
        if first is not None:
            raise OptionError(
                f"{self.kind} '{component.name}' of {component.plugin} is already registered by {first.plugin}"
            )
        self._components[component.name] = component

    def remove(self, plugin: PluginInfo) -> None:
        """Take out everything that a plugin registered."""
        self._components = {n: made for n, made in self._components.items() if made.plugin is not plugin}

    def get(self, name: str, *, role: str = "") -> Component:
        """The component of that name (and role). Raises OptionError with the nearest name when there is none."""
        found = self._components.get(name) or self._components.get(name.replace("-", "_"))
        if found is None or (role and found.role != role):
            sentence = f"no {role or self.kind.replace('_', ' ')} is named '{name}'."
            raise OptionError("\n".join([sentence + did_you_mean(name, self.names(role)), *self._broken()]))
        return found

    def names(self, role: str = "") -> list[str]:
        """All names, sorted; those of one role where one is given."""
        return sorted(name for name, made in self._components.items() if not role or made.role == role)

    def __iter__(self) -> Iterator[Component]:
        return iter(self._components.values())

    def __contains__(self, name: str) -> bool:
        return name in self._components


class Register:
    """What a `register_*` hook is given: call it once for every component.

    Registrations are collected, and added to the registry together when the whole plugin has spoken.
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
        - config: the frozen dataclass of its own options.
        - help: one sentence for lists.
        - defaults: shared options whose default differs for this component.
        - role: "generator" or "discriminator", for networks.

        Raises ValueError for anything else.
        """
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
            raise ValueError(f"{name!r} is no name for a {self._kind}: use letters, digits, '_' and '-'")
        if not callable(target) and not (isinstance(target, str) and re.fullmatch(r"[\w.]+:\w+", target)):
            raise ValueError(f"{self._kind} '{name}': target must be a class or 'module:Name', not {target!r}")
        if config is not None and not (isinstance(config, type) and dataclasses.is_dataclass(config)):
            raise ValueError(f"{self._kind} '{name}': config must be a dataclass, not {config!r}")
        if self._kind == "network" and role not in ROLES:
            raise ValueError(f"network '{name}' needs role='generator' or role='discriminator', not {role!r}")
        self._collected.append(
            Component(self._kind, name, target, self._plugin, config, help, dict(defaults), role)
        )
