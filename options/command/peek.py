"""The first reading of a command line, of its shared options only; and the config file."""

import os
import tomllib
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pixlate.errors import OptionError, did_you_mean
from pixlate.options.fields import options_by_name, without_negations
from pixlate.options.shared import OWNERS
from pixlate.plugins.manager import Plugins
from pixlate.util.foreign import foreign, read_small, reason
from pixlate.util.text import quoted

from .parser import FILES, SETTINGS, declared_options
from .prefixes import with_whole_names


def peek(command: str, args: list[str]) -> dict[str, Any]:
    """The shared options, `config` and `plugin` that the command line names.

    They determine which other options there are, so that nothing can be checked yet: invalid values are kept as text or
    left out, and other options are ignored.
    """
    parser = click.Command(
        command,
        params=[*options_by_name(OWNERS[command]).values(), *FILES],
        context_settings={**SETTINGS, "ignore_unknown_options": True, "allow_extra_args": True},
        add_help_option=False,
    )
    # resilient_parsing: errors are left to the real parser, which knows all options and words them better.
    try:
        args = with_whole_names(args, parser.params)
    except click.NoSuchOption:  # the beginning of several options
        args = list(args)
    context = parser.make_context(command, args, resilient_parsing=True)
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE and value is not None
    }


def read_config(path: str | None, plugins: Plugins) -> dict[str, Any]:
    """The values of `--config FILE.toml` by option name. Raises OptionError for an invalid file or name."""
    if not path:
        return {}
    try:
        content = read_small(Path(os.path.expanduser(path)))
    except OSError as error:
        raise OptionError(f"--config {quoted(path)} cannot be read: {reason(error)}.") from None
    with foreign(lambda problem: OptionError(f"--config {quoted(path)} is not valid TOML: {problem}.")):
        values = tomllib.loads(content.decode("utf-8"))
    values = {name.replace("-", "_"): value for name, value in values.items()}
    for name, value in values.items():
        if name in ("plugin", "config"):  # a file must not be able to make pixlate run code
            raise OptionError(f"--config '{path}' names '{name}', which only the command line may set.")
        if isinstance(value, dict):
            raise OptionError(f"--config '{path}': '{name}' must be a value, not a table.")
    known = declared_options(plugins)
    values = without_negations(values, known)
    for name, value in values.items():
        if name not in known:
            message = f"--config '{path}' has an unknown option '{name}'.{did_you_mean(name, known)}"
            raise OptionError("\n".join([message, *plugins.complaints()]))
        if known[name].multiple:
            values[name] = value if isinstance(value, list) else [value]
        elif isinstance(value, list):
            raise OptionError(f"--config '{path}': '{name}' must be one value, not a list.")
    return values
