"""Names of runs: made from data and model, checked, and found again."""

import re
from pathlib import Path

from pixlate.errors import OptionError

from .stored import FILE


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
    """The name of the run that was written to last; empty where there is none."""
    runs: list[tuple[float, str]] = []
    if folder.is_dir():
        for path in folder.iterdir():
            written = [f.stat().st_mtime for f in path.glob("*_net_*.pth")] if path.is_dir() else []
            if written or (path / FILE).is_file():
                runs.append((max(written or [(path / FILE).stat().st_mtime]), path.name))
    return max(runs, default=(0.0, ""))[1]
