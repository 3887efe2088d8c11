"""Components and the plugins they come from: what may be registered, and why something of a plugin failed."""

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

#: The kinds whose components have options of their own.
CONFIGURED = ("model", "dataset", "viewer")
ROLES = ("generator", "discriminator")
#: Names of options that belong to one command line.
RESERVED = frozenset({"plugin", "config", "help"})
#: Characters of an error's message that are shown.
LONGEST = 400
#: Packages whose lines in a traceback are not the plugin's own code.
OURS = ("pixlate", "importlib", "_frozen_importlib", "_frozen_importlib_external", "functools", "pluggy")


@dataclass
class PluginInfo:
    """One plugin: where it comes from and its status.

    - distribution, version: as installed; empty for a plugin that is one file, whose path is `file`.
    - status: "loaded", "disabled" (by PIXLATE_PLUGINS) or "broken", and the `reason`.
    - registered: the kind and name of each of its components; hooks: the names of those it implements.
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
    """A registered name. `load()` imports and returns what it stands for."""

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
    """Raise ValueError, saying what is wrong, for a component that cannot be."""
    name, kind, target = component.name, component.kind, component.target
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w-]*", name, re.ASCII):
        raise ValueError(f"{name!r} is no name for a {kind}: use letters, digits, '_' and '-'")
    what = f"{kind} '{name}'"
    lazy = isinstance(target, str) and re.fullmatch(r"[\w.]+:\w+", target)
    if not callable(target) and not lazy:
        raise ValueError(f"{what}: target must be a class or 'module:Name', not {target!r}")
    if not isinstance(component.help, str):
        raise ValueError(f"{what}: help must be a sentence, not {component.help!r}")
    _check_role(what, kind, component.role)
    if component.config is not None:
        _check_config(what, kind, component.config)
    _check_defaults(what, component)


def _check_role(what: str, kind: str, role: object) -> None:
    if kind != "network":
        if role:
            raise ValueError(f"{what}: only networks have a role")
        return
    plain = isinstance(role, str) and re.fullmatch("[a-z][a-z_]*", role)
    if not plain or (role not in ROLES and get_close_matches(str(role), ROLES, cutoff=0.8)):
        raise ValueError(f"{what} needs role='generator' or role='discriminator', not {role!r}")


def _check_config(what: str, kind: str, config: type) -> None:
    if kind not in CONFIGURED:
        raise ValueError(f"{what}: only models, data sets and viewers have a config")
    if not (isinstance(config, type) and dataclasses.is_dataclass(config)):
        raise ValueError(f"{what}: config must be a dataclass, not {config!r}")
    if not config.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise ValueError(f"{what}: its config {config.__name__} must be frozen: @dataclass(frozen=True)")
    for field in dataclasses.fields(config):
        if not field.metadata.get("help"):
            raise ValueError(f"{what}: write {field.name} of {config.__name__} as option(default, 'help')")
        if field.name in RESERVED or (field.name in SHARED and kind != "viewer"):
            raise ValueError(f"{what} declares --{field.name}, which is an option of every run")
    options_of(config)  # what click refuses is refused now, and not when `--help` is shown


def _check_defaults(what: str, component: Component) -> None:
    if not isinstance(component.defaults, Mapping):
        raise ValueError(f"{what}: defaults must map names of options to values, not {component.defaults!r}")
    if component.defaults and component.kind not in ("model", "dataset"):
        raise ValueError(f"{what}: only models and data sets have defaults")
    own = {field.name for field in dataclasses.fields(component.config)} if component.config else set()
    for name in component.defaults:
        if name not in SHARED | own:
            raise ValueError(f"{what}: its defaults name no option '{name}'.{did_you_mean(str(name), SHARED | own)}")


def cause_of(error: BaseException) -> str:
    """What went wrong, on one line: the error's kind and message, and the last line of the plugin's own code."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # an error whose __str__ raises has no message
        message = ""
    message = "".join(c if c.isprintable() else "?" for c in message)[:LONGEST].rstrip(". ")
    if isinstance(error, PixlateError):
        return message
    return f"{type(error).__name__}: {message}".removesuffix(": ") + _place_of(error)


def _place_of(error: BaseException) -> str:
    """The file and line where the plugin's own code failed; empty where the traceback has none of it."""
    frames = [
        (str(frame.f_globals.get("__name__")), frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    foreign = [frame for frame in frames if frame[0].partition(".")[0] not in OURS]
    own = [frame for frame in foreign if frame[0].partition(".")[0] == foreign[0][0].partition(".")[0]]
    return f" ({Path(own[-1][1]).name}, line {own[-1][2]})" if own else ""
