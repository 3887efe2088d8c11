"""Options as data: one frozen dataclass per owner, whose field metadata are keywords of `click.option`.

    @dataclass(frozen=True)
    class CutConfig:
        nce_T: float = option(0.07, "temperature of the patch loss", type=FiniteFloat(min=0, min_open=True))

A field's type gives the parameter type where none is named: bool is a switch `--x/--no-x`, Literal a choice,
int and float finite numbers. The field's name is the option's name, spelt with `_` or `-` alike.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

from pixlate.errors import OptionError, did_you_mean

C = TypeVar("C")


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


class OneOf(click.Choice[str]):
    """A choice whose values `--help` and errors spell as they are, not as option names are normalised."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return f"[{'|'.join(map(str, self.choices))}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        folded = {str(choice).lower().replace("-", "_"): choice for choice in self.choices}
        found = folded.get(str(value).lower().replace("-", "_"))
        if found is None:
            self.fail(f"{value!r} is not one of {', '.join(map(str, self.choices))}.", param, ctx)
        return found


class NameOf(click.ParamType[str]):
    """The name of a registered component of one kind.

    The commands check it against the registry of the plugin manager that is their context's `obj`; options lie below
    plugins and know none.
    """

    name = "name"

    def __init__(self, kind: str, role: str = "") -> None:
        self.kind = kind
        self.role = role

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        plugins = None if ctx is None else ctx.obj
        return str(value) if plugins is None else plugins.registry(self.kind).get(str(value), role=self.role).name


class ConfigOption(click.Option):
    """An option of a config dataclass, shown in `--help` under its owner's title."""

    title: str = "Options"


def option(default: Any, help: str, **keywords: Any) -> Any:
    """Declare one option as a dataclass field.

    `keywords` are those of `click.option` (type, metavar, multiple, hidden, …). `flag="--no_x"` on a bool names
    the switch that turns it off in the reference's spelling; `also=("--old",)` adds older names.
    """
    return dataclasses.field(default=default, metadata={"help": help, **keywords})


def _parameter_type(annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return OneOf([str(choice) for choice in get_args(annotation)])
    plain = [arg for arg in get_args(annotation) if arg is not type(None)] or [annotation]
    return {int: click.INT, float: FiniteFloat(), str: click.STRING}.get(plain[0], click.STRING)


def click_option(owner: type, field: "dataclasses.Field[Any]", title: str) -> ConfigOption:
    """The command-line option of one dataclass field."""
    keywords = dict(field.metadata)
    annotation = get_type_hints(owner)[field.name]
    also = tuple(keywords.pop("also", ()))
    if annotation is bool:
        off = keywords.pop("flag", f"--no_{field.name}")
        names = [f"--{field.name}/{off}"]
    else:
        keywords.setdefault("type", _parameter_type(annotation))
        names = [f"--{field.name}"]
    if isinstance(keywords.get("type"), (click.types.IntParamType, click.types.FloatParamType)):
        keywords.setdefault("metavar", "N" if isinstance(keywords["type"], click.types.IntParamType) else "X")
    keywords.setdefault("show_default", field.default not in ("", None, ()))
    made = ConfigOption([field.name, *names, *also], default=field.default, **keywords)
    made.title = title
    return made


def title_of(owner: type) -> str:
    """The heading of an owner's options in `--help`: its `TITLE`, else its name."""
    return str(getattr(owner, "TITLE", owner.__name__))


def options_of(owner: type, title: str = "") -> list[ConfigOption]:
    """The command-line options of a config dataclass, in the order of its fields."""
    return [
        click_option(owner, field, title or title_of(owner))
        for field in dataclasses.fields(owner)
        if "help" in field.metadata
    ]


def names_of(owners: Iterable[type]) -> dict[str, ConfigOption]:
    """All options of several owners by field name; the first owner of a shared name keeps it."""
    found: dict[str, ConfigOption] = {}
    for owner in owners:
        for made in options_of(owner):
            found.setdefault(str(made.name), made)
    return found


def defaults_of(owners: Iterable[type]) -> dict[str, Any]:
    """The declared default of every option of several owners, by name."""
    return {field.name: field.default for owner in owners for field in dataclasses.fields(owner)}


def component_options(owners: Iterable[type]) -> dict[str, NameOf]:
    """The options whose values are names of components, with the kind that each names."""
    return {name: made.type for name, made in names_of(owners).items() if isinstance(made.type, NameOf)}


def positive(values: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The reference's negative switches as ours: `no_dropout=True` becomes `dropout=False`."""
    known = set(known)
    said: dict[str, Any] = {}
    for name, value in values.items():
        name = name.replace("-", "_")
        if name not in known and name.startswith("no_") and name[3:] in known and isinstance(value, bool):
            name, value = name[3:], not value
        if name in said and said[name] != value:
            raise OptionError(f"'{name}' is given twice, with two values: {said[name]!r} and {value!r}.")
        said[name] = value
    return said


def checked(owners: Iterable[type], values: Mapping[str, Any], *, of: str, plugins: Any = None) -> dict[str, Any]:
    """Values by option name, converted and range-checked as the command line would.

    Raises OptionError for an unknown name (with the nearest known one) and for a value out of its range; `of`
    says whose options these are ("model 'pix2pix'"). Names of components are looked up in `plugins`, a plugin manager.
    """
    known = names_of(owners)
    context = click.Context(click.Command("options"), obj=plugins)
    result: dict[str, Any] = {}
    for name, value in positive(values, known).items():
        if name not in known:
            raise OptionError(f"{of} has no option '{name}'.{did_you_mean(name, known)}")
        try:
            result[name] = value if value is None else known[name].type_cast_value(context, value)
        except click.BadParameter as error:
            raise OptionError(f"option '{name}' of {of}: {error.message}") from None
    return result


def build(owner: type[C], values: Mapping[str, Any]) -> C:
    """An instance of a config dataclass from those of the values that it has fields for."""
    names = {field.name for field in dataclasses.fields(owner)}  # type: ignore[arg-type]
    return owner(**{name: value for name, value in values.items() if name in names})
