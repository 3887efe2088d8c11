"""The public names for plugin authors: `hookimpl`, `option`, and the types that hooks receive.

A plugin is a module named by an entry point of the group `pixlate`; see docs/plugins.md.
"""

from pixlate.options.fields import FiniteFloat, NameOf, Scope, option

from .component import Component, PluginInfo
from .field import Field
from .hookspecs import hookimpl
from .manager import Plugins
from .registry import Register, Registry
from .run import HealthWarning, Progress, Run, RunLog, Sample, Timing

__all__ = [
    "Component",
    "Field",
    "FiniteFloat",
    "HealthWarning",
    "NameOf",
    "PluginInfo",
    "Plugins",
    "Progress",
    "Register",
    "Registry",
    "Run",
    "RunLog",
    "Sample",
    "Scope",
    "Timing",
    "hookimpl",
    "option",
]
