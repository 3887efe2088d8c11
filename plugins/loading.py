"""Which plugins a process has: the built-in ones, the installed ones, and files."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping

import click

from pixlate.errors import OptionError, did_you_mean

from .files import files_of
from .installed import find_installed
from .manager import Plugins
from .registry import PluginInfo

BUILTIN = ("pixlate.models.plugin", "pixlate.data.plugin", "pixlate.plugins.viewers", "pixlate.plugins.commands")


def load_plugins(environ: Mapping[str, str], *, warn: Callable[[str], None] = lambda line: None) -> Plugins:
    """Load the built-in plugins, then the installed ones by name, then those of PIXLATE_PLUGIN_PATH.

    Of those that are not built in, `PIXLATE_PLUGINS=a,b` loads only these (by their own or their distributions'
    names) and the empty string none. With `PIXLATE_PLUGINS_STRICT=1` one that fails raises.
    """
    plugins = Plugins(strict=environ.get("PIXLATE_PLUGINS_STRICT") == "1", warn=warn)
    for module in BUILTIN:
        plugins.load_builtin(module)
    given = environ.get("PIXLATE_PLUGINS")
    only = None if given is None else {name.strip() for name in given.split(",") if name.strip()}
    for info, load in find_installed():
        if only is None or only & {info.name, info.distribution}:
            plugins.load(info, load)
        else:
            plugins.disable(info)
    for path in files_of(environ.get("PIXLATE_PLUGIN_PATH", "")):
        if only is None or path.stem in only:
            plugins.load_file(path)
        else:
            plugins.disable(PluginInfo(path.stem, file=str(path)))
    known = {name for info in plugins.infos for name in (info.name, info.distribution)} - {"", "pixlate"}
    known -= {info.name for info in plugins.infos if info.distribution == "pixlate"}
    for name in sorted((only or set()) - known):
        warn(f"warning: PIXLATE_PLUGINS names '{name}', which is not installed.{did_you_mean(name, known)}")
    return plugins


_plugins: Plugins | None = None
_lock = threading.RLock()
_loading = False
_quiet = False  # what is broken was said by the process that started this one


def get_plugins() -> Plugins:
    """The plugins of this process, loaded at the first call.

    Raises OptionError for a plugin that asks for them while it is imported.
    """
    global _plugins, _loading
    if _plugins is None:
        with _lock:
            if _loading:
                raise OptionError("it asks for components while it is imported: it may do so in its functions only")
            _loading = True
            try:
                _plugins = _plugins or load_plugins(os.environ, warn=_say)
            finally:
                _loading = False
    return _plugins


def get_plugins_quietly() -> Plugins:
    """The same, in a process that another one has started, which has said what is broken."""
    global _quiet
    _quiet = True
    return get_plugins()


def forget_plugins() -> None:
    """Have the next `get_plugins` load them anew."""
    global _plugins
    _plugins = None


def _say(line: str) -> None:
    if not _quiet and multiprocessing.parent_process() is None:
        click.echo(line, err=True)
