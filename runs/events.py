"""Calls the event hooks of viewers and plugins, one at a time, so that a failure is attributed to its plugin."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pluggy

from pixlate.errors import DataError, PixlateError
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins import hookspecs
from pixlate.plugins.component import Component, cause_of
from pixlate.plugins.manager import Plugins, call_accepted, in_order

log = logging.getLogger(__name__)


class Events:
    """The listeners of one run: `events("losses_logged", run=run, …)` calls the hook of each.

    A listener that raises is reported once, by name, and not called again in this run. One that cannot write its files,
    as on a full disk, is called again at the next event, and reported once until a call succeeds.

    - viewers: each with the component that it is an instance of.
    """

    def __init__(self, plugins: Plugins, viewers: Iterable[tuple[Component, Any]]) -> None:
        self._plugins = plugins
        self._dropped: set[str] = set()
        self._retrying: set[str] = set()
        # A plugin manager of its own: viewers live as long as one run, plugins as long as the process.
        self._viewers = pluggy.PluginManager("pixlate")
        self._viewers.add_hookspecs(hookspecs)
        self._names: dict[str, str] = {}
        for component, viewer in viewers:
            self._names[component.name] = f"viewer {component.name} of {component.plugin}"
            try:
                self._viewers.register(viewer, name=component.name)
                self._viewers.check_pending()
            except pluggy.PluginValidationError as error:  # it implements an unknown hook, or takes unknown arguments
                if self._viewers.has_plugin(component.name):
                    self._viewers.unregister(name=component.name)
                log.warning(f"{self._names[component.name]} is left out: {cause_of(error)}")
        self._listeners: dict[str, list[tuple[str, Callable[..., Any]]]] = {}

    def __call__(self, hook: str, **arguments: Any) -> None:
        """Call a hook of every listener: viewers first, then plugins."""
        if hook not in self._listeners:
            self._listeners[hook] = self._find(hook)
        for name, implementation in self._listeners[hook]:
            if name in self._dropped:
                continue
            try:
                implementation(**arguments)
            except (Exception, SystemExit) as error:
                self._failed(name, hook, error)
            else:
                self._retrying.discard(name)

    def _failed(self, name: str, hook: str, error: BaseException) -> None:
        """Drop a listener, unless its file could not be written: the disk may have space again at the next event.

        One that failed in `run_started` is dropped in any case, because its other hooks need what it sets up there.
        """
        if isinstance(error, DataError) and isinstance(error.__cause__, OSError) and hook != "run_started":
            if name not in self._retrying:
                log.warning(f"{name} failed in {hook} and will try again: {cause_of(error)}")
            self._retrying.add(name)
            return
        self._dropped.add(name)
        log.warning(f"{name} failed in {hook} and is left out from here on: {cause_of(error)}")

    def _find(self, hook: str) -> list[tuple[str, Callable[..., Any]]]:
        viewers = [
            (self._names[impl.plugin_name], partial(call_accepted, impl))
            for impl in in_order(getattr(self._viewers.hook, hook))
        ]
        return viewers + [(str(info), call) for info, call in self._plugins.implementations(hook)]


def make_viewers(resolved: ResolvedOptions, registry: Iterable[Component]) -> list[tuple[Component, Any]]:
    """The viewers of a run, each with its component; one that cannot be constructed is left out, with a warning.

    A PixlateError from a viewer's constructor is raised: its options ask for something that is not available.
    """
    viewers: list[tuple[Component, Any]] = []
    for component in registry:
        try:
            viewer = component.load()
        except PixlateError as error:
            log.warning(str(error))
            continue
        try:
            viewers.append((component, viewer(resolved.config_for(component)) if component.config else viewer()))
        except PixlateError:
            raise
        except Exception as error:
            log.warning(f"viewer {component.name} of {component.plugin} is left out: {cause_of(error)}")
    return viewers
