"""What a command line says before it is parsed as a whole: the components it names, its config file, its plugins."""

import tomllib
from pathlib import Path
from typing import Any

import click

from pixlate.errors import OptionError, did_you_mean
from pixlate.options.fields import options_of, positive
from pixlate.plugins.manager import Plugins

from .help import SETTINGS
from .parser import CONFIGURED, OWNERS

TEXTS = ("model", "dataset_mode", "name", "suffix", "dataroot", "checkpoints_dir", "resume", "config")
SWITCHES = ("continue_train", "overwrite")


def peek(command: str, args: list[str]) -> dict[str, Any]:
    """The values of the options that decide which others there are; nothing is checked yet."""
    switches = [click.Option([f"--{name}/--no_{name}"], default=None) for name in SWITCHES]
    texts = [click.Option([name, f"--{name}"]) for name in TEXTS]
    probe = click.Command(
        command,
        params=[*texts, *switches, click.Option(["--plugin"], multiple=True)],
        context_settings={**SETTINGS, "ignore_unknown_options": True, "allow_extra_args": True},
        add_help_option=False,
    )
    context = probe.make_context(command, list(args), resilient_parsing=True)
    return {name: value for name, value in context.params.items() if value is not None}


def read_config(path: str | None, plugins: Plugins) -> dict[str, Any]:
    """The values of `--config FILE.toml` by option name. Raises OptionError for a file or a name that is wrong."""
    if not path:
        return {}
    try:
        values = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"--config '{path}' cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"--config '{path}' is no TOML: {error}.") from None
    values = {name.replace("-", "_"): value for name, value in values.items()}
    for name, value in values.items():
        if name in ("plugin", "config"):
            raise OptionError(f"--config '{path}' names '{name}', which only the command line may.")
        if isinstance(value, (dict, list)):
            raise OptionError(f"--config '{path}': '{name}' must be one value, not a table or a list.")
    owners = [owner for owners in OWNERS.values() for owner in owners]
    owners += [made.config for kind in CONFIGURED for made in plugins.registry(kind) if made.config]
    known = {str(made.name) for owner in owners for made in options_of(owner)}
    values = positive(values, known)
    for name in values:
        if name not in known:
            sentence = f"--config '{path}' has an unknown option '{name}'.{did_you_mean(name, known)}"
            raise OptionError("\n".join([sentence, *plugins.complaints()]))
    return values
