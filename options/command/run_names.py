"""The name of a command's run: given, composed of its data and model, or that of the newest run."""

import logging
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixlate.errors import OptionError

log = logging.getLogger(__name__)


def run_name(command: str, runs: Path, requested: Mapping[str, Any], model: str) -> str:
    """The name of the run without `--suffix`; empty where it cannot be determined.

    - runs: the folder of all runs; requested: the values of the config file and the command line.
    - model: the name of the model.

    Raises OptionError for a name whose folder would lie outside of the folder of runs.
    """
    name = str(requested.get("name") or "")
    if not name and (command == "test" or (requested.get("continue_train") and not requested.get("dataroot"))):
        name = newest_run(runs)
        if name:
            log.info(f"No --name given: {'testing' if command == 'test' else 'continuing'} the newest run, '{name}'.")
    if not name and requested.get("dataroot"):
        name = default_name(str(requested["dataroot"]), model)
    if name:
        check_name(name, runs)
    return name


def default_name(dataroot: str, model: str) -> str:
    """The default name of a run, from its data and its model: facades_pix2pix."""
    data = unicodedata.normalize("NFC", Path(dataroot).expanduser().resolve().name)
    data = re.sub(r"[^\w.-]+", "-", data).strip("-")  # \w includes the letters of all languages
    return f"{data or 'data'}_{model}"


def check_name(name: str, folder: Path) -> None:
    """Raise OptionError for a name that is no plain path, or whose folder is not strictly inside the folder of runs."""
    plain = not re.search(r"[\x00-\x1f]", name) and ".." not in Path(name).parts
    # With symbolic links followed. Not `Path.resolve`, which raises an error for links in a circle.
    runs = os.path.realpath(folder)
    if not plain or not os.path.realpath(folder / name).startswith(os.path.join(runs, "")):
        raise OptionError(f"--name {name!r} must be a plain name: its folder would lie outside '{folder}'.")


def newest_run(folder: Path) -> str:
    """The name of the run whose checkpoints were written last; empty where there is none."""
    runs: list[tuple[float, str]] = []
    for path in folder.iterdir() if folder.is_dir() else ():
        # Network files, because folders of the reference have no others; not the folder's time, which logs change too.
        times = [file.stat().st_mtime for file in path.glob("*_net_*.pth")]
        if times:
            runs.append((max(times), path.name))
    return max(runs, default=(0.0, ""))[1]
