"""Makes a data set from its name and its options' names and values."""

from typing import Any

from pixlate.options.fields import build, checked
from pixlate.options.shared import DataOptions
from pixlate.plugins import Component, get_plugins

from .base import BaseDataset


def create_dataset(name: str, *, dataroot: str = "", phase: str = "train", **options: Any) -> BaseDataset[Any]:
    """Create a registered data set; option names are those of the command line (`no_flip=True` too).

    `dataroot="demo"` draws the demo data first. Raises OptionError for an unknown data set, option or value,
    DataError for pictures that are not there.
    """
    component = get_plugins().registry("dataset").get(name)
    owners = [*([component.config] if component.config else []), DataOptions]
    given = {"dataroot": str(dataroot), "phase": phase, **options}
    values = {**component.defaults, **checked(owners, given, of=f"data set '{name}'")}
    config = build(component.config, values) if component.config else None
    return make_dataset(component, config, build(DataOptions, values))


def make_dataset(component: Component, config: Any, shared: DataOptions) -> BaseDataset[Any]:
    """The data set that a component stands for, with its own options and the shared ones."""
    made: BaseDataset[Any] = component.load()(config, shared)
    return made
