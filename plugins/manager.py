"""The plugin manager. A plugin that fails is skipped with one line, without effect on the others."""

import functools
import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from pixlate._version import __version__
from pixlate.errors import OptionError, did_you_mean
from pixlate.options.fields import component_options

from . import hookspecs
from .component import Component, PluginInfo, cause_of
from .files import import_file
from .registry import KINDS, Register, Registry

log = logging.getLogger(__name__)

HOOKS = tuple(name for name, item in vars(hookspecs).items() if hasattr(item, "pixlate_spec"))


class Plugins:
    """All plugins of a process, and the registries of their components.

    - infos: every plugin, loaded or not; files: the paths of loaded plugin files, in the order of loading.
    - strict: raise the error of a plugin that fails instead of skipping it.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.infos: list[PluginInfo] = []
        self.files: list[Path] = []
        self._manager = pluggy.PluginManager("pixlate")
        self._manager.add_hookspecs(hookspecs)
        self._registries = {kind: Registry(kind, self.complaints) for kind in KINDS}
        self._loaded: dict[str, PluginInfo] = {}  # by the plugin's name
        self._strict = strict

    def registry(self, kind: str) -> Registry:
        """The registry of one kind: model, dataset, network, norm, loss, init, lr_policy or viewer."""
        return self._registries[kind]

    def components(self, owners: Iterable[type], values: Mapping[str, Any]) -> dict[str, Component]:
        """The component that each option of type `NameOf` names, by the option's name.

        - owners: config dataclasses that declare the options; values: by option name.

        Raises UnknownName for a name that is not registered.
        """
        return {
            option: self.registry(parameter.kind).get(str(values[option]), role=parameter.role)
            for option, parameter in component_options(owners).items()
            if option in values
        }

    def complaints(self) -> list[str]:
        """A line for every plugin that was skipped."""
        return [f"warning: {_complaint(info)}" for info in self.infos if info.status == "broken"]

    def implementations(self, hook: str) -> Iterator[tuple[PluginInfo, Callable[..., Any]]]:
        """Each plugin with its implementation of a hook, to be called one by one: built-in ones first, then by name."""
        for impl in in_order(getattr(self._manager.hook, hook)):
            yield self._loaded[impl.plugin_name], functools.partial(call_accepted, impl)

    # --- loading -----------------------------------------------------------------------------------------------

    def load_builtin(self, module: ModuleType) -> None:
        """Load a plugin that is part of pixlate. Raises its errors."""
        info = PluginInfo(module.__name__.removesuffix(".plugin"), "pixlate", __version__)
        self._load(info, module)
        self.infos.append(info)

    def load(self, info: PluginInfo, import_module: Callable[[], ModuleType]) -> None:
        """Load a plugin. One that fails is skipped, with a warning and the reason in its info."""
        self._try_to_load(info, import_module)
        if info.status == "broken":
            log.warning(_complaint(info))

    def load_file(self, path: Path, *, quiet: bool = False) -> PluginInfo:
        """Load a plugin file, unless it is loaded already. Its code runs: load only trusted files.

        - quiet: no warning where it fails; the returned info has the reason.
        """
        path = path.expanduser().resolve()
        for info in self.infos:
            if info.file == str(path) and info.status == "loaded":
                return info
        info = PluginInfo(path.stem, file=str(path))
        self._try_to_load(info, lambda: import_file(path))
        if info.status == "loaded":
            self.files.append(path)
        elif not quiet:
            log.warning(_complaint(info))
        return info

    def disable(self, info: PluginInfo) -> None:
        """Record a plugin that PIXLATE_PLUGINS excludes."""
        info.status = "disabled"
        self.infos.append(info)

    def skip(self, info: PluginInfo, error: BaseException) -> None:
        """Remove a plugin that failed after it was loaded, with a warning."""
        self._unload(info, error)
        log.warning(_complaint(info))

    def _try_to_load(self, info: PluginInfo, import_module: Callable[[], ModuleType]) -> None:
        self.infos.append(info)
        try:
            if info.name in self._loaded:
                raise OptionError(f"its name is taken by {self._loaded[info.name]}")
            self._load(info, import_module())
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an import may raise anything, SystemExit included
            self._unload(info, error)

    def _load(self, info: PluginInfo, module: ModuleType) -> None:
        """Register a module's hooks and components. After an error the caller has to `_unload` it."""
        registered_name = self._manager.get_name(module)
        if registered_name:
            raise OptionError(f"its module {module.__name__} is already that of {self._loaded[registered_name]}")
        self._loaded[info.name] = info
        self._manager.register(module, name=info.name)
        impls = self._implemented(module)
        components: list[Component] = []
        for kind, hook in KINDS.items():
            if hook in impls:
                call_accepted(impls[hook], register=Register(kind, info, components))
        for component in components:  # after every hook has returned: a plugin is registered whole or not at all
            self._registries[component.kind].add(component)
        info.registered = [(component.kind, component.name) for component in components]
        info.hooks = list(impls)

    def _unload(self, info: PluginInfo, error: BaseException) -> None:
        """Remove the hooks and components of a plugin, and record the reason. Raises the error in strict mode."""
        info.status, info.reason = "broken", cause_of(error)
        info.registered.clear()
        info.hooks.clear()
        if self._loaded.get(info.name) is info:
            del self._loaded[info.name]
            if self._manager.has_plugin(info.name):
                self._manager.unregister(name=info.name)
            for registry in self._registries.values():
                registry.remove(info)
        if self._strict:
            log.warning(_complaint(info))
            raise error

    def _implemented(self, module: ModuleType) -> dict[str, pluggy.HookImpl]:
        """A module's hook implementations by hook name. Raises OptionError for one that could never be called."""
        impls: dict[str, pluggy.HookImpl] = {}
        for caller in self._manager.get_hookcallers(module) or ():
            (impl,) = (impl for impl in caller.get_hookimpls() if impl.plugin is module)
            if not caller.has_spec():
                if not impl.optionalhook:
                    suggestion = did_you_mean(caller.name, HOOKS)
                    raise OptionError(f"it implements {caller.name}, which is no hook of pixlate.{suggestion}")
            elif impl.wrapper or impl.hookwrapper or not _is_plain(impl.function):
                # Hooks are called one by one, see `call_accepted`: a wrapper would have nothing to wrap.
                raise OptionError(f"its {caller.name} must be a plain function, not a wrapper, generator or coroutine")
            else:
                impls[caller.name] = impl
        if not impls:
            unmarked = [name for name in HOOKS if callable(getattr(module, name, None))]
            hint = f": its {unmarked[0]} is not marked with @hookimpl" if unmarked else ""
            raise OptionError(f"it implements no hook of pixlate{hint}")
        return impls


def in_order(caller: pluggy.HookCaller) -> list[pluggy.HookImpl]:
    """A hook's implementations in the order of registration, with `tryfirst` ones first and `trylast` ones last.

    pluggy's own order is the reverse.
    """
    return sorted(caller.get_hookimpls(), key=lambda impl: int(impl.trylast) - int(impl.tryfirst))


def call_accepted(impl: pluggy.HookImpl, **arguments: Any) -> Any:
    """Call one hook implementation with the arguments that its signature names."""
    return impl.function(*(arguments[name] for name in impl.argnames))


def _complaint(info: PluginInfo) -> str:
    return f"{info} is skipped: {info.reason}"


def _is_plain(function: Callable[..., Any]) -> bool:
    return not (inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function))
