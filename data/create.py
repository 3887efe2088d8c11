"""Makes a data set from resolved options, or from its name and its options' names and values."""

from collections.abc import Mapping
from typing import Any

from pixlate.options.fields import build, checked
from pixlate.options.shared import DataOptions
from pixlate.plugins.component import Component
from pixlate.plugins.manager import Plugins

from .base import BaseDataset


def make_dataset(component: Component, values: Mapping[str, Any]) -> BaseDataset[Any]:
    """The data set that a component stands for, with its own and the shared options taken from `values`."""
    config = build(component.config, values) if component.config else None
    made: BaseDataset[Any] = component.load()(config, build(DataOptions, values))
    return made


def create_dataset(plugins: Plugins, name: str, *, dataroot: str, phase: str, **options: Any) -> BaseDataset[Any]:
    """Create a registered data set; option names are those of the command line (`no_flip=True` too).

    `dataroot="demo"` draws the demo data first. Raises OptionError for an unknown data set, option or value,
    DataError for images that are not there.
    """
    component = plugins.registry("dataset").get(name)
    owners = [*([component.config] if component.config else []), DataOptions]
    given = {"dataroot": dataroot, "phase": phase, **options}
    values = {**component.defaults, **checked(owners, given, of=f"data set '{name}'", plugins=plugins)}
    return make_dataset(component, values)
