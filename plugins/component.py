"""Components and their plugins: the descriptions, the validation of registrations, and the causes of failures."""

import dataclasses
import importlib
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pixlate.errors import OptionError, PixlateError, did_you_mean
from pixlate.options.fields import options_of
from pixlate.options.shared import SHARED

#: The kinds whose components may have a config: options of their own.
CONFIGURED = ("model", "dataset", "viewer")
ROLES = ("generator", "discriminator")
#: Options of the command line alone, which no component may declare.
RESERVED = frozenset({"plugin", "config", "help"})
#: The length, in characters, to which an error's message is cut.
MAX_MESSAGE_LENGTH = 400
#: Packages whose frames in a traceback are not the plugin's code.
INTERNAL_PACKAGES = ("pixlate", "importlib", "_frozen_importlib", "_frozen_importlib_external", "functools", "pluggy")


@dataclass
class PluginInfo:
    """One plugin: its origin and its status.

    - distribution, version: as installed; empty for a plugin that is one file, whose path is `file`.
    - status: "loaded", "disabled" (by PIXLATE_PLUGINS) or "broken"; reason: why it is broken.
    - registered: (kind, name) of each of its components; hooks: the names of the hooks that it implements.
    """

    name: str
    distribution: str = ""
    version: str = ""
    status: str = "loaded"
    reason: str = ""
    file: str = ""
    registered: list[tuple[str, str]] = dataclass_field(default_factory=list)
    hooks: list[str] = dataclass_field(default_factory=list)

    @property
    def origin(self) -> str:
        """The distribution and its version, or the file."""
        return f"{self.distribution} {self.version}".strip() or self.file

    @property
    def is_builtin(self) -> bool:
        """Whether it is part of pixlate itself."""
        return self.distribution == "pixlate"

    def __str__(self) -> str:
        return f"plugin {self.name} {'of' if self.distribution else 'in'} {self.origin}"


@dataclass(frozen=True)
class Component:
    """A registered name of one kind, with its target, which `load()` imports and returns.

    - target: a class or callable, or the string "module:Name".
    - config: the dataclass of its own options; defaults: its values for shared options.
    - role: of a network: "generator", "discriminator", or a plugin's own.
    """

    kind: str
    name: str
    target: Any
    plugin: PluginInfo
    config: type | None = None
    help: str = ""
    defaults: Mapping[str, Any] = dataclass_field(default_factory=dict)
    role: str = ""

    def load(self) -> Any:
        """The registered class or callable; a "module:Name" target is imported now.

        Raises OptionError, naming the plugin, when the import fails.
        """
        if not isinstance(self.target, str):
            return self.target
        module, _, name = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except Exception as error:
            raise OptionError(
                f"{self.kind} '{self.name}' of {self.plugin} cannot be loaded from '{self.target}': {cause_of(error)}."
            ) from error


def check_component(component: Component) -> None:
    """Raise ValueError, with the reason, for an invalid component."""
    name, kind, target = component.name, component.kind, component.target
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w-]*", name, re.ASCII):
        raise ValueError(f"{name!r} is not a valid name for a {kind}: use letters, digits, '_' and '-'")
    label = f"{kind} '{name}'"
    lazy = isinstance(target, str) and re.fullmatch(r"[\w.]+:\w+", target)
    if not callable(target) and not lazy:
        raise ValueError(f"{label}: target must be a class or 'module:Name', not {target!r}")
    if not isinstance(component.help, str):
        raise ValueError(f"{label}: help must be a sentence, not {component.help!r}")
    _check_role(label, kind, component.role)
    if component.config is not None:
        _check_config(label, kind, component.config)
    _check_defaults(label, component)


def _check_role(label: str, kind: str, role: object) -> None:
    if kind != "network":
        if role:
            raise ValueError(f"{label}: only networks have a role")
        return
    valid = isinstance(role, str) and re.fullmatch("[a-z][a-z_]*", role)
    # A plugin may have roles of its own, but a name that is nearly a built-in role is a typing error.
    if not valid or (role not in ROLES and get_close_matches(str(role), ROLES, cutoff=0.8)):
        raise ValueError(f"{label} needs role='generator' or role='discriminator', not {role!r}")


def _check_config(label: str, kind: str, config: type) -> None:
    if kind not in CONFIGURED:
        raise ValueError(f"{label}: only models, data sets and viewers have a config")
    if not (isinstance(config, type) and dataclasses.is_dataclass(config)):
        raise ValueError(f"{label}: config must be a dataclass, not {config!r}")
    if not config.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise ValueError(f"{label}: its config {config.__name__} must be frozen: @dataclass(frozen=True)")
    for field in dataclasses.fields(config):
        if not field.metadata.get("help"):
            raise ValueError(f"{label}: write {field.name} of {config.__name__} as option(default, 'help')")
        if field.name in RESERVED or (field.name in SHARED and kind != "viewer"):
            raise ValueError(f"{label} declares --{field.name}, which is an option of every run")
    options_of(config)  # raises here, instead of in `--help`, where click refuses one


def _check_defaults(label: str, component: Component) -> None:
    if not isinstance(component.defaults, Mapping):
        raise ValueError(f"{label}: defaults must map names of options to values, not {component.defaults!r}")
    if component.defaults and component.kind not in ("model", "dataset"):
        raise ValueError(f"{label}: only models and data sets have defaults")
    config_names = {field.name for field in dataclasses.fields(component.config)} if component.config else set()
    names = SHARED | config_names
    for name in component.defaults:
        if name not in names:
            raise ValueError(f"{label}: there is no option '{name}' for its defaults.{did_you_mean(str(name), names)}")


def cause_of(error: BaseException) -> str:
    """An error on one line: its class and message, and the last line of the plugin's code in its traceback."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # an error whose __str__ raises has no message
        message = ""
    message = "".join(c if c.isprintable() else "?" for c in message)[:MAX_MESSAGE_LENGTH].rstrip(". ")
    if isinstance(error, PixlateError):
        return message
    return f"{type(error).__name__}: {message}".removesuffix(": ") + _place_of(error)


def _place_of(error: BaseException) -> str:
    """The file and line where the plugin's code failed; empty where the traceback has none of it."""
    frames = [
        (str(frame.f_globals.get("__name__")), frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    external = [frame for frame in frames if frame[0].partition(".")[0] not in INTERNAL_PACKAGES]
    # The first frame outside of pixlate is the plugin's; deeper frames of other packages are those of its libraries.
    plugin_frames = [frame for frame in external if frame[0].partition(".")[0] == external[0][0].partition(".")[0]]
    return f" ({Path(plugin_frames[-1][1]).name}, line {plugin_frames[-1][2]})" if plugin_frames else ""
