"""Constructs data sets: from resolved options, as a run does, or by name, as `pixlate.create_dataset` does."""

from collections.abc import Mapping
from typing import Any

from pixlate.options.fields import build, checked
from pixlate.options.shared import DataOptions
from pixlate.plugins.component import Component
from pixlate.plugins.manager import Plugins

from .base import BaseDataset


def make_dataset(component: Component, values: Mapping[str, Any]) -> BaseDataset[Any]:
    """Construct the data set of a component; `values` are options by name, of which unrelated ones are ignored."""
    config = build(component.config, values) if component.config else None
    dataset: BaseDataset[Any] = component.load()(config, build(DataOptions, values))
    return dataset


def create_dataset(plugins: Plugins, name: str, *, dataroot: str, phase: str, **options: Any) -> BaseDataset[Any]:
    """Create a registered data set; option names are those of the command line (`no_flip=True` too).

    `dataroot="demo"` draws the demo data first. Raises OptionError for an unknown data set, option or value, DataError
    if there are no images.
    """
    component = plugins.registry("dataset").get(name)
    owners = [*([component.config] if component.config else []), DataOptions]
    arguments = {"dataroot": dataroot, "phase": phase, **options}
    values = {**component.defaults, **checked(owners, arguments, of=f"data set '{name}'", plugins=plugins)}
    return make_dataset(component, values)
