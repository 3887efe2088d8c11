"""The plugin as installed, or from this folder where it is not; without its libraries most tests are left out."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from pixlate import get_plugins

pytest_plugins = ["pixlate.plugins.testing"]
PLUGIN = Path(__file__).parents[1] / "pixlate_medical.py"
LIBRARIES = ("nibabel", "pydicom")
if any(find_spec(name) is None for name in LIBRARIES):  # uv run --group medical has them
    collect_ignore = ["test_medical_readers.py", "test_medical_slices.py"]


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin, in this process and those that it starts."""
    if not {info.name for info in get_plugins().infos} & {"medical", "pixlate_medical"}:
        monkeypatch.setenv("PIXLATE_PLUGIN_PATH", str(PLUGIN))
        get_plugins().load_file(PLUGIN)
