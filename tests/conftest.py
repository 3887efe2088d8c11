"""Every test sees the built-in plugins alone, and one thread; the fixtures for plugin authors are at hand."""

import os

os.environ["PIXLATE_PLUGINS"] = ""  # processes that tests start inherit it
for name in ("PIXLATE_PLUGIN_PATH", "PIXLATE_PLUGINS_STRICT"):
    os.environ.pop(name, None)
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["pixlate.plugins.testing"]
