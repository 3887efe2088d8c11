"""Declares options: one frozen dataclass per owner, with the keywords of `click.option` in the metadata of its fields.

    @dataclass(frozen=True)
    class CutConfig:
        nce_T: float = option(0.07, "temperature of the patch loss", type=FiniteFloat(min=0, min_open=True))

Without `type=`, the parameter type follows from the field's annotation: bool is a switch `--x/--no_x`, Literal a
choice, int and float are finite numbers. The field's name is the option's name, in which users may write `_` or `-`.
`scope` determines which commands read back the value that is stored with a run.
"""

import dataclasses
import math
import os
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

from pixlate.errors import OptionError, did_you_mean

C = TypeVar("C")
#: What resuming a run does about a value that differs from the stored one: raise an error, list it, or nothing.
OnChange = Literal["refuse", "list", "ignore"]


class Scope(Enum):
    """The scope of an option: which commands read back the value that is stored with a run.

    | scope | `--continue_train` | test with the run's model | `--model test` | another value on resume |
    | --- | --- | --- | --- | --- |
    | ARCHITECTURE: of the generator | yes | yes; others are refused | yes; others are refused | refused |
    | RUN: every use of the run's networks depends on it | yes | yes | yes | refused |
    | MODEL: belongs to the run's model | yes | yes | no | listed |
    | TRAINING: of the training alone; a test has its own value | yes | no | no | listed |
    | INVOCATION: of one command alone | no | no | no | ignored |

    A test reads back only options that it has. The last column is the default of `option(on_change=…)`.
    """

    ARCHITECTURE = "architecture"
    RUN = "run"
    MODEL = "model"
    TRAINING = "training"
    INVOCATION = "invocation"

    def is_read_back(self, command: str, *, same_model: bool) -> bool:
        """Whether a command reads back the stored value.

        - command: "train" or "test"; same_model: it uses the model that the run was trained with.
        """
        if command == "train":
            return self is not Scope.INVOCATION
        return self in (Scope.ARCHITECTURE, Scope.RUN) or (self is Scope.MODEL and same_model)

    @property
    def on_change(self) -> OnChange:
        """What resuming a run does about another value, unless the option declares its own `on_change`."""
        if self is Scope.INVOCATION:
            return "ignore"
        return "refuse" if self in (Scope.ARCHITECTURE, Scope.RUN) else "list"


class FiniteFloat(click.FloatRange):
    """A float within a range; "nan" and "inf", which click accepts, are refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class WholeOrInf(click.IntRange):
    """A whole number, or "inf" for no limit (None)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in ("inf", math.inf):
            return None
        return super().convert(value, param, ctx)


def is_tag(text: str) -> bool:
    """Whether a text can be the tag of a checkpoint, with which its files' names begin: latest, 5, iter_4000.

    A tag is never a path: it must not lead out of a run's folder.
    """
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text) is not None


class Tag(click.ParamType[str]):
    """The tag of a checkpoint: "latest", "5", "iter_4000"; never a path."""

    name = "tag"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not is_tag(str(value)):
            self.fail(
                f"{value!r} is no checkpoint's tag: give latest, the number of an epoch, or iter_<N>.", param, ctx
            )
        return str(value)


class FolderPath(click.ParamType[str]):
    """The path of a folder, in which `~` is the user's home folder: shells expand it in some places only."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return os.path.expanduser(str(value))


class OneOf(click.Choice[str]):
    """A choice. Unlike click's, it does not normalise its values as option names in `--help` and errors."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return f"[{'|'.join(map(str, self.choices))}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        by_key = {_key(choice): choice for choice in self.choices}
        choice = by_key.get(_key(value))
        if choice is None:
            self.fail(f"{value!r} is not one of {', '.join(map(str, self.choices))}.", param, ctx)
        return choice


class NameOf(click.ParamType[str]):
    """The name of a registered component of one kind.

    A command checks it in the registry of its plugin manager, the `obj` of click's context: this module must not
    import plugins.
    """

    name = "name"

    def __init__(self, kind: str, role: str = "") -> None:
        self.kind = kind
        self.role = role

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        plugins = None if ctx is None else ctx.obj
        return str(value) if plugins is None else plugins.registry(self.kind).get(str(value), role=self.role).name


class ConfigOption(click.Option):
    """An option that a config dataclass declares: click's, with its scope."""

    def __init__(
        self, *args: Any, scope: Scope = Scope.MODEL, on_change: OnChange | None = None, **keywords: Any
    ) -> None:
        super().__init__(*args, **keywords)
        self.scope = Scope(scope)
        self.on_change: OnChange = on_change or self.scope.on_change


def option(
    default: Any, help: str, *, scope: Scope = Scope.MODEL, on_change: OnChange | None = None, **keywords: Any
) -> Any:
    """Declare one option as a dataclass field.

    - scope: see `Scope`.
    - on_change: "refuse", "list" or "ignore" another value when a run is resumed; None for the scope's default.
    - keywords: those of `click.option` (type, metavar, multiple, hidden, …). `flag="--no_x"` names the
      switch that turns a bool off; `also=("--old",)` adds older names.
    """
    metadata = {"help": help, "scope": scope, "on_change": on_change, **keywords}
    return dataclasses.field(default=default, metadata=metadata)


def title_of(owner: type) -> str:
    """The heading of an owner's options in `--help`: its `TITLE`, or its class name."""
    return str(getattr(owner, "TITLE", owner.__name__))


def options_of(owner: type) -> list[ConfigOption]:
    """The command-line options of a config dataclass, in the order of its fields."""
    types = get_type_hints(owner)  # not field.type, which is text where a plugin has postponed annotations
    return [
        _command_line_option(field, types[field.name])
        for field in dataclasses.fields(owner)
        if "help" in field.metadata
    ]


def options_by_name(owners: Iterable[type]) -> dict[str, ConfigOption]:
    """All options of several owners by name; where two declare one name, the first owner's."""
    options: dict[str, ConfigOption] = {}
    for owner in owners:
        for declared in options_of(owner):
            options.setdefault(str(declared.name), declared)
    return options


def defaults_of(owners: Iterable[type]) -> dict[str, Any]:
    """The declared default of every option of several owners, by name."""
    return {field.name: field.default for owner in owners for field in dataclasses.fields(owner)}


def component_options(owners: Iterable[type]) -> dict[str, NameOf]:
    """The options of type `NameOf`, whose values are names of components, by name."""
    options = options_by_name(owners)
    return {name: declared.type for name, declared in options.items() if isinstance(declared.type, NameOf)}


def without_negations(values: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Values with the reference's negative names replaced: `no_dropout=True` becomes `dropout=False`.

    - known: the names of the options.

    Raises OptionError where both spellings are used with different values.
    """
    known = set(known)
    result: dict[str, Any] = {}
    for name, value in values.items():
        name = name.replace("-", "_")
        if name not in known and name.startswith("no_") and name[3:] in known and isinstance(value, bool):
            name, value = name[3:], not value
        if name in result and result[name] != value:
            raise OptionError(f"'{name}' is given twice, with two values: {result[name]!r} and {value!r}.")
        result[name] = value
    return result


def checked(owners: Iterable[type], values: Mapping[str, Any], *, of: str, plugins: Any = None) -> dict[str, Any]:
    """Values by option name, converted and range-checked as on the command line.

    - of: whose options these are, for errors: "model 'pix2pix'".
    - plugins: the plugin manager in which names of components are looked up.

    Raises OptionError for an unknown name (with the nearest known one) and for an invalid value.
    """
    known = options_by_name(owners)
    context = click.Context(click.Command("options"), obj=plugins)  # `NameOf` looks names up in its `obj`
    result: dict[str, Any] = {}
    for name, value in without_negations(values, known).items():
        if name not in known:
            raise OptionError(f"{of} has no option '{name}'.{did_you_mean(name, known)}")
        try:
            # None is a value of its own ("no limit"), which click's types would refuse or turn into text.
            result[name] = value if value is None else known[name].type_cast_value(context, value)
        except click.BadParameter as error:
            raise OptionError(f"option '{name}' of {of}: {error.message}") from None
    return result


def build(owner: type[C], values: Mapping[str, Any]) -> C:
    """An instance of a config dataclass from the values of its fields; other values are ignored."""
    names = {field.name for field in dataclasses.fields(owner)}  # type: ignore[arg-type]
    return owner(**{name: value for name, value in values.items() if name in names})


def _command_line_option(field: "dataclasses.Field[Any]", annotation: Any) -> ConfigOption:
    keywords = dict(field.metadata)
    older_names = tuple(keywords.pop("also", ()))
    if annotation is bool:
        negative = keywords.pop("flag", f"--no_{field.name}")
        names = [f"--{field.name}/{negative}"]  # click's notation for the two flags of a switch
    else:
        keywords.setdefault("type", _parameter_type(annotation))
        names = [f"--{field.name}"]
    if isinstance(keywords.get("type"), (click.types.IntParamType, click.types.FloatParamType)):
        keywords.setdefault("metavar", "N" if isinstance(keywords["type"], click.types.IntParamType) else "X")
    keywords.setdefault("show_default", field.default not in ("", None, ()))
    return ConfigOption([field.name, *names, *older_names], default=field.default, **keywords)


def _parameter_type(annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return OneOf([str(choice) for choice in get_args(annotation)])
    types = [member for member in get_args(annotation) if member is not type(None)] or [
        annotation
    ]  # `int | None` is int
    return {int: click.INT, float: FiniteFloat(), str: click.STRING}.get(types[0], click.STRING)


def _key(choice: object) -> str:
    return str(choice).lower().replace("-", "_")
