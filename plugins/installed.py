"""Finds the plugins of installed distributions: the entry points of the group `pixlate`.

importlib.metadata's own `entry_points` stops at the first distribution whose files are damaged; here each is looked
at by itself.
"""

import re
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from types import ModuleType

import pixlate
from pixlate.errors import OptionError

from .registry import PluginInfo

GROUP = "pixlate"
PLAIN = r"\d+(?:\.\d+)*"
Loader = Callable[[], ModuleType]


def find_installed() -> list[tuple[PluginInfo, Loader]]:
    """Every installed plugin with the function that imports it, in the order of their names."""
    found: list[tuple[PluginInfo, Loader]] = []
    seen: set[str] = set()
    for dist in distributions():
        plugins = list(_plugins_of(dist))
        if plugins:
            key = re.sub(r"[-_.]+", "-", plugins[0][0].distribution).lower()
            found += plugins if key not in seen else []  # an earlier folder of sys.path hides it
            seen.add(key)
    return sorted(found, key=lambda plugin: (plugin[0].name, plugin[0].distribution))


def _plugins_of(dist: Distribution) -> Iterator[tuple[PluginInfo, Loader]]:
    try:
        text = dist.read_text("entry_points.txt") or ""
        if f"[{GROUP}]" not in text:
            return
        entries = [entry for entry in dist.entry_points if entry.group == GROUP]
    except Exception as error:
        if any(_is_about_pixlate(line) for line in _requirements(dist)):
            name, version = _identity(dist)
            yield PluginInfo(name, name, version), _unreadable(error)
        return
    name, version = _identity(dist)
    for entry in entries:
        yield PluginInfo(entry.name, name, version), _Load(dist, entry)


class _Load:
    """Imports what an entry point names."""

    def __init__(self, dist: Distribution, entry: EntryPoint) -> None:
        self._dist, self._entry = dist, entry

    def __call__(self) -> ModuleType:
        for line in _requirements(self._dist):
            if _is_about_pixlate(line):
                check_requirement(line)
        if not self._entry.pattern.match(self._entry.value):
            raise OptionError(f"its entry point '{self._entry.value}' names no module")
        module = self._entry.load()
        if not isinstance(module, ModuleType):
            raise OptionError(f"its entry point '{self._entry.value}' must name a module")
        return module


def check_requirement(line: str) -> None:
    """Raise OptionError where a line of Requires-Dist asks for another version of pixlate than this one."""
    usual = re.fullmatch(rf"pixlate(?:\s*>=\s*({PLAIN}))?", line.strip(), re.IGNORECASE)
    here = re.fullmatch(PLAIN, pixlate.__version__)
    if usual and here and _numbers(usual[1] or "0") <= _numbers(here[0]):
        return  # the import of packaging takes a fifth of what `--help` takes
    from packaging.requirements import Requirement

    needs = Requirement(line)
    applies = needs.marker is None or needs.marker.evaluate({"extra": ""})
    if applies and not needs.specifier.contains(pixlate.__version__, prereleases=True):
        raise OptionError(f"it needs pixlate{needs.specifier}, and this is pixlate {pixlate.__version__}")


def _numbers(version: str) -> list[int]:
    numbers = [int(number) for number in version.split(".")]
    while numbers and not numbers[-1]:  # 1 and 1.0 are the same version
        numbers.pop()
    return numbers


def _is_about_pixlate(line: str) -> bool:
    return re.match(r"pixlate\s*($|[^\w.\s-])", line.strip(), re.IGNORECASE) is not None


def _requirements(dist: Distribution) -> list[str]:
    try:
        return list(dist.requires or ())
    except Exception:  # metadata that is missing or damaged asks for nothing
        return []


def _identity(dist: Distribution) -> tuple[str, str]:
    """The name and version of a distribution, from its folder's name where its metadata do not say."""
    folder = Path(str(getattr(dist, "_path", "unnamed"))).stem
    name, _, version = folder.partition("-")
    try:
        return str(dist.metadata["Name"] or name), str(dist.metadata["Version"] or version)
    except Exception:
        return name, version


def _unreadable(error: Exception) -> Loader:
    def load() -> ModuleType:
        raise OptionError(f"its entry_points.txt cannot be read: {error}") from error

    return load
