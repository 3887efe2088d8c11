"""Finds and loads plugins, each on its own: one that fails is skipped with one line and harms no other."""

import functools
import hashlib
import importlib
import importlib.util
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pluggy

import pixlate
from pixlate.errors import OptionError

from . import hookspecs
from .registry import KINDS, Component, PluginInfo, Register, Registry

BUILTIN = ("pixlate.models.plugin", "pixlate.data.plugin", "pixlate.plugins.viewers", "pixlate.plugins.commands")


class Plugins:
    """All plugins of a process, and the registries that they filled."""

    def __init__(self, *, strict: bool = False, warn: Callable[[str], None] = lambda line: None) -> None:
        self.infos: list[PluginInfo] = []
        self.files: list[Path] = []
        self._manager = pluggy.PluginManager("pixlate")
        self._manager.add_hookspecs(hookspecs)
        self._registries = {kind: Registry(kind, self.complaints) for kind in KINDS}
        self._owners: dict[str, PluginInfo] = {}
        self._strict = strict
        self._warn = warn

    def registry(self, kind: str) -> Registry:
        """The registry of one kind: model, dataset, network, norm, loss, init, lr_policy or viewer."""
        return self._registries[kind]

    def complaints(self) -> list[str]:
        """A line for every plugin that was skipped."""
        return [f"warning: {info} is skipped: {info.reason}" for info in self.infos if info.status == "broken"]

    def implementations(self, hook: str) -> Iterator[tuple[PluginInfo, Callable[..., Any]]]:
        """Each plugin's implementation of a hook, first registered first, to be called one at a time."""
        for impl in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            yield self._owners[impl.plugin_name], functools.partial(call_accepted, impl)

    def load_builtin(self, module: str) -> None:
        """Load a plugin that is part of pixlate; it cannot fail quietly."""
        info = PluginInfo(module, "pixlate", pixlate.__version__)
        self._load(info, importlib.import_module(module))
        self.infos.append(info)

    def load_entry_point(self, entry: EntryPoint) -> None:
        """Load an installed plugin, or record why it is skipped."""
        info = PluginInfo(entry.name)
        if entry.dist is not None:
            info.distribution, info.version = entry.dist.name, entry.dist.version
        self._attempt(info, lambda: (_check_requirement(entry.dist), entry.load())[1])

    def load_file(self, path: Path) -> PluginInfo:
        """Load a plugin that is one file. The file's code runs: name only files you trust."""
        path = path.expanduser().resolve()
        for info in self.infos:
            if info.file == str(path):
                return info
        info = PluginInfo(path.stem, file=str(path))
        self._attempt(info, lambda: _import_file(path))
        if info.status == "loaded":
            self.files.append(path)
        return info

    def skip(self, info: PluginInfo, error: BaseException) -> None:
        """Mark a plugin as broken, take it out, and say so once."""
        info.status, info.reason = "broken", _cause(error)
        info.registered.clear()
        if self._owners.get(info.name) is info:
            del self._owners[info.name]
            if self._manager.has_plugin(info.name):
                self._manager.unregister(name=info.name)
            for registry in self._registries.values():
                registry.remove(info)
        self._warn(f"warning: {info} is skipped: {info.reason}")
        if self._strict:
            raise error

    def disable(self, entry: EntryPoint) -> None:
        """Record an installed plugin that PIXLATE_PLUGINS leaves out."""
        dist = entry.dist
        info = PluginInfo(entry.name, dist.name if dist else "", dist.version if dist else "", "disabled")
        self.infos.append(info)

    def _attempt(self, info: PluginInfo, load: Callable[[], ModuleType]) -> None:
        self.infos.append(info)
        try:
            if info.name in self._owners:
                raise OptionError(f"its name is taken by {self._owners[info.name]}")
            self._load(info, load())
        except (Exception, SystemExit) as error:
            self.skip(info, error)

    def _load(self, info: PluginInfo, module: object) -> None:
        self._owners[info.name] = info
        self._manager.register(module, name=info.name)
        self._manager.check_pending()
        if not self._manager.get_hookcallers(module):
            raise OptionError("it implements no hook of pixlate")
        collected: list[Component] = []
        for kind, hook in KINDS.items():
            for impl in getattr(self._manager.hook, hook).get_hookimpls():
                if impl.plugin is module:
                    impl.function(Register(kind, info, collected))
        self._add(collected)
        info.registered = [(made.kind, made.name) for made in collected]

    def _add(self, collected: Sequence[Component]) -> None:
        trial = {kind: Registry(kind, list) for kind in KINDS}
        for kind, registry in self._registries.items():
            for made in registry:
                trial[kind].add(made)
        for made in collected:
            trial[made.kind].add(made)
        for made in collected:
            self._registries[made.kind].add(made)


def call_accepted(impl: pluggy.HookImpl, **arguments: Any) -> Any:
    """Call one hook implementation with those of the arguments that it takes."""
    return impl.function(*(arguments[name] for name in impl.argnames))


def load_plugins(
    environ: Mapping[str, str], *, warn: Callable[[str], None] = lambda line: None
) -> Plugins:
    """Load the built-in plugins, then the installed ones by name, then those of PIXLATE_PLUGIN_PATH."""
    plugins = Plugins(strict=environ.get("PIXLATE_PLUGINS_STRICT") == "1", warn=warn)
    for module in BUILTIN:
        plugins.load_builtin(module)
    wanted = environ.get("PIXLATE_PLUGINS")
    only = None if wanted is None else {name.strip() for name in wanted.split(",") if name.strip()}
    entries = sorted(entry_points(group="pixlate"), key=lambda entry: entry.name)
    for entry in entries:
        if only is None or entry.name in only:
            plugins.load_entry_point(entry)
        else:
            plugins.disable(entry)
    for path in _plugin_files(environ.get("PIXLATE_PLUGIN_PATH", "")):
        if only is None or path.stem in only:
            plugins.load_file(path)
    for name in sorted((only or set()) - {info.name for info in plugins.infos}):
        warn(f"warning: PIXLATE_PLUGINS names '{name}', which is not installed")
    return plugins


@functools.cache
def get_plugins() -> Plugins:
    """The plugins of this process, loaded at the first call."""
    quiet = multiprocessing.parent_process() is not None
    return load_plugins(os.environ, warn=(lambda line: None) if quiet else _say)


def file_digest(path: Path) -> str:
    """The SHA-256 of a plugin file, recorded with the runs that use it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _say(line: str) -> None:
    click.echo(line, err=True)


def _plugin_files(paths: str) -> Iterator[Path]:
    for part in filter(None, paths.split(os.pathsep)):
        path = Path(part)
        yield from sorted(path.glob("*.py")) if path.is_dir() else [path]


def _import_file(path: Path) -> ModuleType:
    name = f"pixlate_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if path.suffix != ".py" or spec is None or spec.loader is None or not path.is_file():
        raise OptionError(f"'{path}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _check_requirement(dist: Distribution | None) -> None:
    """Raise OptionError where a distribution asks for another version of pixlate than this one."""
    for line in (dist.requires if dist else None) or ():
        if line.lower().startswith("pixlate"):
            from packaging.requirements import Requirement

            needs = Requirement(line)
            applies = needs.marker is None or needs.marker.evaluate({"extra": ""})
            if needs.name == "pixlate" and applies and not needs.specifier.contains(
                pixlate.__version__, prereleases=True
            ):
                raise OptionError(f"it needs pixlate{needs.specifier}, and this is pixlate {pixlate.__version__}")


def _cause(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, OptionError) else f"{type(error).__name__}: {text}".removesuffix(": ")
