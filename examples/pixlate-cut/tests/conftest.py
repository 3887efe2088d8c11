"""The plugin as installed, or from this folder where it is not."""

from pathlib import Path

from pixlate import get_plugins

if "cut" not in get_plugins().registry("model"):
    get_plugins().load_file(Path(__file__).parents[1] / "pixlate_cut.py")
