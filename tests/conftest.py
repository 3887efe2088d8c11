"""Every test sees the built-in plugins alone, and one thread; the fixtures for plugin authors are at hand."""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# No limit of time for an example: on a busy machine each would be over it at times.
settings.register_profile("pixlate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pixlate")

os.environ["PIXLATE_PLUGINS"] = ""  # processes that tests start inherit it
for name in ("PIXLATE_PLUGIN_PATH", "PIXLATE_PLUGINS_STRICT"):
    os.environ.pop(name, None)
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["pixlate.plugins.testing"]


@pytest.fixture(autouse=True, scope="module")
def _plugins_end_with_their_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What one module's tests load into the process, or import from a folder of theirs, is gone before the next's."""
    from pixlate import forget_plugins

    yield
    forget_plugins()
    folder = f"{tmp_path_factory.getbasetemp()}{os.sep}"
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(folder):
            del sys.modules[name]
