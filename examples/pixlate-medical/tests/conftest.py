"""The plugin as installed, or from this folder where it is not; skipped without the libraries that it reads with."""

from pathlib import Path

import pytest
from pixlate import get_plugins

pytest_plugins = ["pixlate.plugins.testing"]
PLUGIN = Path(__file__).parents[1] / "pixlate_medical.py"
pytest.importorskip("pydicom", reason="needs pydicom: uv run --group medical")
pytest.importorskip("nibabel", reason="needs nibabel: uv run --group medical")


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin, in this process and those that it starts."""
    if not {info.name for info in get_plugins().infos} & {"medical", "pixlate_medical"}:
        monkeypatch.setenv("PIXLATE_PLUGIN_PATH", str(PLUGIN))
        get_plugins().load_file(PLUGIN)
