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

# The only state of the process that pixlate keeps in a module: finding and importing plugins is too slow to repeat
# for every call of a public function.
_plugins: Plugins | None = None
_found_in: tuple[str | None, ...] = ()
_lock = threading.RLock()
_loading = False

#: What decides which plugins are found.
VARIABLES = ("PYTHONPATH", "PIXLATE_PLUGINS", "PIXLATE_PLUGIN_PATH", "PIXLATE_PLUGINS_STRICT")


def builtin_plugins() -> list[ModuleType]:
    """The modules of `BUILTIN`."""
    return [import_module(name) for name in BUILTIN]


def get_plugins() -> Plugins:
    """The plugins of this process, loaded at the first call, and anew when one of `VARIABLES` has changed.

    Raises OptionError for a plugin that asks for them while it is imported.
    """
    global _plugins, _found_in, _loading
    environment = tuple(map(os.environ.get, VARIABLES))
    if _plugins is None or _found_in != environment:
        with _lock:
            if _loading:
                raise OptionError("it asks for components while it is imported: it may do so in its functions only")
            _loading = True
            try:
                if _plugins is None or _found_in != environment:  # another thread may have been quicker
                    _plugins, _found_in = load_plugins(builtin_plugins(), os.environ), environment
            finally:
                _loading = False
    return _plugins


def forget_plugins() -> None:
    """Have the next `get_plugins` find and load them anew, as after an installation in a notebook."""
    global _plugins
    _plugins = None
