"""The default plugin manager, loaded once per process.

Only the commands and the public functions use it; all other modules receive a plugin manager, or components that were
looked up in one, as arguments.
"""

import os
import threading
from importlib import import_module
from types import ModuleType

from pixlate.errors import OptionError
from pixlate.plugins.discovery import load_plugins
from pixlate.plugins.manager import Plugins

#: The plugins that are part of pixlate. They use the same hooks as any other plugin.
BUILTIN = (
    "pixlate.models.plugin",
    "pixlate.data.plugin",
    "pixlate.metrics.plugin",
    "pixlate.plugins.viewers.plugin",
    "pixlate.plugins.commands.plugin",
)
#: The environment variables that determine which plugins are found.
ENVIRONMENT_VARIABLES = ("PYTHONPATH", "PIXLATE_PLUGINS", "PIXLATE_PLUGIN_PATH", "PIXLATE_PLUGINS_STRICT")


def builtin_plugins() -> list[ModuleType]:
    """The modules of `BUILTIN`."""
    return [import_module(name) for name in BUILTIN]


class _DefaultPlugins:
    """Loads the plugins when they are first needed, and again when one of `ENVIRONMENT_VARIABLES` has changed."""

    def __init__(self) -> None:
        self._loaded: tuple[Plugins, tuple[str | None, ...]] | None = None  # with the environment they were found in
        # Re-entrant: a plugin that calls `get` while it is imported must get an error, not a deadlock.
        self._lock = threading.RLock()
        self._loading = False

    def get(self) -> Plugins:
        environment = tuple(map(os.environ.get, ENVIRONMENT_VARIABLES))
        loaded = self._loaded  # read once: another thread may call `forget`
        if loaded is not None and loaded[1] == environment:
            return loaded[0]
        with self._lock:
            if self._loading:
                raise OptionError("it looks up components while it is imported: do that inside its functions")
            loaded = self._loaded
            if loaded is None or loaded[1] != environment:  # otherwise another thread has loaded them meanwhile
                self._loading = True
                try:
                    loaded = self._loaded = load_plugins(builtin_plugins(), os.environ), environment
                finally:
                    self._loading = False
            return loaded[0]

    def forget(self) -> None:
        self._loaded = None


# The only mutable module-level object of pixlate: finding and importing plugins is too slow to be repeated by every
# call of a public function.
_default = _DefaultPlugins()


def get_plugins() -> Plugins:
    """The plugins of this process, loaded at the first call and again when one of `ENVIRONMENT_VARIABLES` has changed.

    Raises OptionError when a plugin calls this while it is imported.
    """
    return _default.get()


def forget_plugins() -> None:
    """Make the next `get_plugins` load the plugins again, for example after an installation in a notebook."""
    _default.forget()
