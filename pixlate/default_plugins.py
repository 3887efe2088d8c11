"""The default plugin manager: the one place where a process decides which plugins there are.

Everything below is handed a manager or what was looked up in one.
"""

import os
import threading
from importlib import import_module
from types import ModuleType

from pixlate.errors import OptionError
from pixlate.plugins.discovery import load_plugins
from pixlate.plugins.manager import Plugins

#: The plugins that are part of pixlate; what they register, any other plugin could.
BUILTIN = (
    "pixlate.models.plugin",
    "pixlate.data.plugin",
    "pixlate.plugins.viewers.plugin",
    "pixlate.plugins.commands.plugin",
)
#: The environment variables that decide which plugins are found.
VARIABLES = ("PYTHONPATH", "PIXLATE_PLUGINS", "PIXLATE_PLUGIN_PATH", "PIXLATE_PLUGINS_STRICT")


def builtin_plugins() -> list[ModuleType]:
    """The modules of `BUILTIN`."""
    return [import_module(name) for name in BUILTIN]


class _DefaultPlugins:
    """Loads the plugins when they are first needed, and again when one of `VARIABLES` has changed."""

    def __init__(self) -> None:
        self._plugins: Plugins | None = None
        self._environment: tuple[str | None, ...] = ()
        self._lock = threading.RLock()  # re-entrant, so that a plugin that asks while it is imported gets an error
        self._loading = False

    def get(self) -> Plugins:
        environment = tuple(map(os.environ.get, VARIABLES))
        if self._plugins is not None and self._environment == environment:
            return self._plugins
        with self._lock:
            if self._loading:
                raise OptionError("it asks for components while it is imported: it may do so in its functions only")
            if self._plugins is None or self._environment != environment:  # else another thread was quicker
                self._loading = True
                try:
                    self._plugins, self._environment = load_plugins(builtin_plugins(), os.environ), environment
                finally:
                    self._loading = False
            return self._plugins

    def forget(self) -> None:
        self._plugins = None


# The only object that pixlate keeps in a module and changes: finding and importing plugins is too slow to repeat for
# every call of a public function.
_default = _DefaultPlugins()


def get_plugins() -> Plugins:
    """The plugins of this process, loaded at the first call, and anew when one of `VARIABLES` has changed.

    Raises OptionError for a plugin that asks for them while it is imported.
    """
    return _default.get()


def forget_plugins() -> None:
    """Have the next `get_plugins` find and load them anew, as after an installation in a notebook."""
    _default.forget()
