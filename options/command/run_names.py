"""Names of runs: made from data and model, checked, and found again."""

import re
from pathlib import Path

from pixlate.errors import OptionError


def default_name(dataroot: str, model: str) -> str:
    """A run is called after its data and its model: facades_pix2pix."""
    data = Path(dataroot).expanduser().resolve().name or "data"
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', data)}_{model}"


def check_name(name: str, folder: Path) -> None:
    """Raise OptionError for a name that is no folder strictly inside the runs' folder."""
    inside = (folder / name).resolve()
    if folder.resolve() not in inside.parents or re.search(r"[\x00-\x1f]", name):
        raise OptionError(f"--name {name!r} must be a plain name: its folder would lie outside '{folder}'.")


def newest_run(folder: Path) -> str:
    """The name of the run whose checkpoints were written last; empty where there is none."""
    runs: list[tuple[float, str]] = []
    for path in folder.iterdir() if folder.is_dir() else ():
        written = [file.stat().st_mtime for file in path.glob("*_net_*.pth")]
        if written:
            runs.append((max(written), path.name))
    return max(runs, default=(0.0, ""))[1]
