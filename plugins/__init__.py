"""What a plugin author imports: `hookimpl`, `option`, and the contracts of components.

A plugin is a module named by an entry point of the group `pixlate`; see docs/plugins.md.
"""

from pixlate.options.fields import FiniteFloat, option

from .hookspecs import hookimpl
from .loading import forget_plugins, get_plugins, load_plugins
from .manager import Plugins
from .registry import Component, PluginInfo, Register, Registry

__all__ = [
    "Component",
    "FiniteFloat",
    "PluginInfo",
    "Plugins",
    "Register",
    "Registry",
    "forget_plugins",
    "get_plugins",
    "hookimpl",
    "load_plugins",
    "option",
]
