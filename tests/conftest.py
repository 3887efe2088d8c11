"""Every test sees the built-in plugins alone, and one thread; the fixtures for plugin authors are at hand."""

import os

import pytest

os.environ["PIXLATE_PLUGINS"] = ""  # processes that tests start inherit it
for name in ("PIXLATE_PLUGIN_PATH", "PIXLATE_PLUGINS_STRICT"):
    os.environ.pop(name, None)
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["pixlate.plugins.testing"]


@pytest.fixture(autouse=True, scope="module")
def _plugins_end_with_their_module() -> None:
    """What one module's tests load into the process is gone before the next one's."""
    from pixlate.plugins import forget_plugins

    forget_plugins()
