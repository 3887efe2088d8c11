"""Finds and loads plugins: entry points of the group `pixlate` in installed distributions, and files.

importlib.metadata's `entry_points` raises at the first distribution with damaged files; here each distribution is read
separately.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from types import ModuleType

from pixlate._version import __version__
from pixlate.errors import OptionError, did_you_mean
from pixlate.util.content import file_digest

from .component import PluginInfo
from .files import files_of
from .manager import Plugins

log = logging.getLogger(__name__)

GROUP = "pixlate"
Importer = Callable[[], ModuleType]


def load_plugins(builtin: Iterable[ModuleType], environ: Mapping[str, str]) -> Plugins:
    """Load the built-in plugins, then the installed ones by name, then those of PIXLATE_PLUGIN_PATH.

    `PIXLATE_PLUGINS=a,b` loads of those that are not built in only the named ones, by the plugin's or the
    distribution's name; the empty string loads none. With `PIXLATE_PLUGINS_STRICT=1` a plugin that fails raises.

    - environ: the environment variables.
    """
    plugins = Plugins(strict=environ.get("PIXLATE_PLUGINS_STRICT") == "1")
    for module in builtin:
        plugins.load_builtin(module)
    names = environ.get("PIXLATE_PLUGINS")
    selected = None if names is None else {name.strip() for name in names.split(",") if name.strip()}
    for info, import_module in find_installed():
        if selected is None or selected & {info.name, info.distribution}:
            plugins.load(info, import_module)
        else:
            plugins.disable(info)
    for path in files_of(environ.get("PIXLATE_PLUGIN_PATH", "")):
        if selected is None or path.stem in selected:
            plugins.load_file(path)
        else:
            plugins.disable(PluginInfo(path.stem, file=str(path)))
    _warn_of_unknown(selected or set(), plugins)
    return plugins


def load_files(plugins: Plugins, files: Iterable[str]) -> dict[str, str]:
    """Load the plugins of `--plugin FILE.py`; returns the digest of every loaded plugin file, by path.

    Raises OptionError for a plugin that is broken.
    """
    for file in files:
        info = plugins.load_file(Path(file), quiet=True)
        if info.status != "loaded":
            raise OptionError(f"--plugin {file} cannot be loaded: {info.reason}.")
    return {str(path): file_digest(path) for path in plugins.files}


def find_installed() -> list[tuple[PluginInfo, Importer]]:
    """Every installed plugin with the function that imports it, sorted by name."""
    installed: dict[str, list[tuple[PluginInfo, Importer]]] = {}
    for dist in distributions():
        plugins = list(_plugins_of(dist))
        if plugins:
            # Spellings of one distribution's name (PEP 503).
            name = re.sub(r"[-_.]+", "-", plugins[0][0].distribution).lower()
            # As for imports, the first folder of sys.path that has a distribution hides later ones.
            installed.setdefault(name, plugins)
    return sorted(
        (plugin for plugins in installed.values() for plugin in plugins),
        key=lambda plugin: (plugin[0].name, plugin[0].distribution),
    )


def check_requirement(line: str) -> None:
    """Raise OptionError where a line of Requires-Dist excludes this version of pixlate.

    pip checks this when the plugin is installed, but only warns when pixlate itself is upgraded later.
    """
    from packaging.requirements import Requirement  # imported here, because it is needed only with plugins

    requirement = Requirement(line)
    applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    if applies and not requirement.specifier.contains(__version__, prereleases=True):
        raise OptionError(f"it needs pixlate{requirement.specifier}, and this is pixlate {__version__}")


def _warn_of_unknown(names: set[str], plugins: Plugins) -> None:
    known = {name for info in plugins.infos if not info.is_builtin for name in (info.name, info.distribution) if name}
    for name in sorted(names - known):
        log.warning(f"PIXLATE_PLUGINS names '{name}', which is not installed.{did_you_mean(name, known)}")


def _plugins_of(dist: Distribution) -> Iterator[tuple[PluginInfo, Importer]]:
    try:
        text = dist.read_text("entry_points.txt") or ""
        if f"[{GROUP}]" not in text:
            return
        entries = [entry for entry in dist.entry_points if entry.group == GROUP]
    except Exception as error:
        if _pixlate_requirements(dist):  # other distributions are no plugins: their damage does not matter here
            name, version = _name_and_version(dist)
            yield PluginInfo(name, name, version), partial(_refuse, f"its entry_points.txt cannot be read: {error}")
        return
    name, version = _name_and_version(dist)
    for entry in entries:
        yield PluginInfo(entry.name, name, version), partial(_import_entry, dist, entry)


def _import_entry(dist: Distribution, entry: EntryPoint) -> ModuleType:
    for line in _pixlate_requirements(dist):
        check_requirement(line)
    if not entry.pattern.match(entry.value):
        raise OptionError(f"its entry point '{entry.value}' names no module")
    module = entry.load()
    if not isinstance(module, ModuleType):
        raise OptionError(f"its entry point '{entry.value}' must name a module")
    return module


def _refuse(reason: str) -> ModuleType:
    raise OptionError(reason)


def _pixlate_requirements(dist: Distribution) -> list[str]:
    """The lines of a distribution's Requires-Dist that name pixlate."""
    try:
        lines = list(dist.requires or ())
    except Exception:  # missing or damaged metadata has no requirements
        return []
    return [line for line in lines if re.match(r"pixlate\s*($|[^\w.\s-])", line.strip(), re.IGNORECASE)]


def _name_and_version(dist: Distribution) -> tuple[str, str]:
    """The name and version of a distribution; from its folder's name where its metadata cannot be read."""
    folder = Path(str(getattr(dist, "_path", "unnamed"))).stem
    name, _, version = folder.partition("-")
    try:
        return str(dist.metadata["Name"] or name), str(dist.metadata["Version"] or version)
    except Exception:
        return name, version
