"""What a plugin author imports: `hookimpl`, `option`, and the contracts of components.

A plugin is a module named by an entry point of the group `pixlate`; see docs/plugins.md.
"""

from typing import TYPE_CHECKING

from pixlate.options.fields import FiniteFloat, NameOf, option
from pixlate.util.lazy import lazily

from .hookspecs import hookimpl
from .loading import forget_plugins, get_plugins, load_plugins
from .manager import Plugins
from .registry import Component, PluginInfo, Register, Registry

if TYPE_CHECKING:
    from pixlate.runs.progress import Progress, Sample
    from pixlate.runs.run import Run

__all__ = [
    "Component",
    "FiniteFloat",
    "NameOf",
    "PluginInfo",
    "Plugins",
    "Progress",
    "Register",
    "Registry",
    "Run",
    "Sample",
    "forget_plugins",
    "get_plugins",
    "hookimpl",
    "load_plugins",
    "option",
]

# What listeners are given: the core of a run imports this package.
_HOMES = {"Progress": "pixlate.runs.progress", "Run": "pixlate.runs.run", "Sample": "pixlate.runs.progress"}

__getattr__ = lazily(__name__, _HOMES)
