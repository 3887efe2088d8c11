"""What may be registered: checked where the plugin says it, so that the plugin is named and no other suffers."""

import dataclasses
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pixlate.errors import did_you_mean
from pixlate.options import shared
from pixlate.options.fields import options_of

if TYPE_CHECKING:
    from .registry import Component

#: The kinds whose components have options of their own.
CONFIGURED = ("model", "dataset", "viewer")
ROLES = ("generator", "discriminator")
#: The options of every run: a model or a data set may have other defaults for them, but not declare them again.
SHARED = frozenset(
    field.name
    for owner in (
        shared.ExperimentOptions,
        shared.ModelOptions,
        shared.DataOptions,
        shared.TrainingOptions,
        shared.TestingOptions,
    )
    for field in dataclasses.fields(owner)
)
RESERVED = frozenset({"plugin", "config", "help"})


def check_component(made: "Component") -> None:
    """Raise ValueError, saying what is wrong, for a component that cannot be."""
    if not isinstance(made.name, str) or not re.fullmatch(r"[A-Za-z0-9][\w-]*", made.name, re.ASCII):
        raise ValueError(f"{made.name!r} is no name for a {made.kind}: use letters, digits, '_' and '-'")
    what = f"{made.kind} '{made.name}'"
    lazy = isinstance(made.target, str) and re.fullmatch(r"[\w.]+:\w+", made.target)
    if not callable(made.target) and not lazy:
        raise ValueError(f"{what}: target must be a class or 'module:Name', not {made.target!r}")
    if not isinstance(made.help, str):
        raise ValueError(f"{what}: help must be a sentence, not {made.help!r}")
    _check_role(what, made.kind, made.role)
    if made.config is not None:
        _check_config(what, made.kind, made.config)
    _check_defaults(what, made)


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
    options_of(config)  # what click refuses is refused here, before somebody asks for `--help`


def _check_defaults(what: str, made: "Component") -> None:
    if not isinstance(made.defaults, Mapping):
        raise ValueError(f"{what}: defaults must map names of options to values, not {made.defaults!r}")
    if made.defaults and made.kind not in ("model", "dataset"):
        raise ValueError(f"{what}: only models and data sets have defaults")
    own = {field.name for field in dataclasses.fields(made.config)} if made.config else set()
    for name in made.defaults:
        if name not in SHARED | own:
            raise ValueError(f"{what}: its defaults name no option '{name}'.{did_you_mean(str(name), SHARED | own)}")
