"""The plugin as installed, or from this folder where it is not; and pixlate's fixtures for the tests of plugins."""

from pathlib import Path

import pytest
from pixlate import get_plugins

pytest_plugins = ["pixlate.plugins.testing"]
PLUGIN = Path(__file__).parents[1] / "pixlate_stargan.py"


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin, in this process and those that it starts."""
    if "stargan" not in {info.name.removesuffix("_gan") for info in get_plugins().infos}:
        monkeypatch.setenv("PIXLATE_PLUGIN_PATH", str(PLUGIN))
        get_plugins().load_file(PLUGIN)
