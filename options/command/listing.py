"""train_opt.txt and test_opt.txt: the options as text, under the names and in the format of the reference.

They are written for people and for programs that read the reference's. One is read where a run folder has no
options.json, as the reference's have none.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pixlate.errors import CheckpointError
from pixlate.options.fields import ConfigOption
from pixlate.util.files import write_whole
from pixlate.util.foreign import read_small, reason
from pixlate.util.text import quoted

from .resolved import ResolvedOptions
from .stored import StoredRun, read_stored

log = logging.getLogger(__name__)

FILE = "train_opt.txt"
_LINE = re.compile(r"\s*(\w+): (.*?)\s*(\t\[default: .*\])?")
#: Names of options in versions of the reference before 2019.
_OLDER_NAMES = {
    "which_model_netG": "netG",
    "which_model_netD": "netD",
    "which_direction": "direction",
    "resize_or_crop": "preprocess",
    "loadSize": "load_size",
    "fineSize": "crop_size",
    "niter": "n_epochs",
    "niter_decay": "n_epochs_decay",
    "nThreads": "num_threads",
    "batchSize": "batch_size",
}


def reference_values(
    values: Mapping[str, Any], options: Mapping[str, click.Option], *, training: bool
) -> dict[str, Any]:
    """The values of options under the names that they have in the reference: `no_dropout` for `dropout`.

    - options: the declared options by name; a switch that is on by default is named by the flag that turns it off.
    """
    renamed: dict[str, Any] = {"isTrain": training}
    for name, value in values.items():
        option = options.get(name)
        if option is not None and option.default is True and option.secondary_opts:
            name, value = option.secondary_opts[0].lstrip("-").replace("-", "_"), not value
        if isinstance(value, (tuple, list)):
            value = " ".join(map(str, value))
        renamed[name] = "inf" if value is None else value  # None is "no limit"
    return renamed


def write_listing(path: Path, resolved: ResolvedOptions) -> None:
    """Write a line for each option, with its default where it has another value. Raises DataError."""
    training = resolved.command == "train"
    values = reference_values(resolved.values, resolved.declared, training=training)
    defaults = reference_values(resolved.defaults, resolved.declared, training=training)
    defaults["isTrain"] = None  # no option of a command line
    lines = ["----------------- Options ---------------"]
    for name, value in sorted(values.items()):
        comment = f"\t[default: {defaults[name]}]" if name in defaults and value != defaults[name] else ""
        lines.append(f"{name:>25}: {value!s:<30}{comment}")
    lines.append("----------------- End -------------------")
    write_whole(path, ("\n".join(lines) + "\n").encode(errors="replace"))


def read_listing(path: Path, options: Mapping[str, ConfigOption]) -> dict[str, Any]:
    """The values in a list of options; empty where there is no such file.

    - options: the declared options by name. Lines of other names are ignored, and those of other values with a warning.

    Raises CheckpointError where the file cannot be read.
    """
    values: dict[str, Any] = {}
    context = click.Context(click.Command("options"))
    for name, text in _lines(path).items():
        negated = name.removeprefix("no_") if name not in options else name
        option = options.get(negated)
        if option is None or option.multiple or text == "None":  # the reference has no option of several values
            continue
        try:
            value = option.type_cast_value(context, text)
        except click.BadParameter as error:
            log.warning(f"{quoted(path)}: '{name}: {text}' is ignored: {error.message}")
        else:
            values[negated] = value if negated == name else not value
    return values


def read_run_options(folder: Path, options: Mapping[str, ConfigOption]) -> StoredRun | None:
    """The stored options of a run folder, from options.json, else from train_opt.txt; None where it has neither.

    Raises CheckpointError when options.json is damaged.
    """
    stored = read_stored(folder)
    if stored is None:
        values = read_listing(folder / FILE, options)
        return StoredRun(values, is_listing=True) if values else None
    return stored


def _lines(path: Path) -> dict[str, str]:
    """The text of each value by name."""
    try:
        lines = read_small(path).decode("utf-8", "replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise CheckpointError(f"{quoted(path)} cannot be read: {reason(error)}.") from error
    matches = (_LINE.fullmatch(line) for line in lines)
    return {_OLDER_NAMES.get(match[1], match[1]): match[2] for match in matches if match}
