"""Constructs data sets: from resolved options, as a run does, or by name, as `pixlate.create_dataset` does."""

from collections.abc import Iterable, Mapping
from typing import Any

from pixlate.options.fields import build, checked
from pixlate.options.shared import DataOptions
from pixlate.plugins.component import Component
from pixlate.plugins.manager import Plugins

from .base import BaseDataset
from .current_readers import use_readers


def make_dataset(
    component: Component, values: Mapping[str, Any], readers: Iterable[Component] = ()
) -> BaseDataset[Any]:
    """Construct the data set of a component.

    - values: options by name, of which unrelated ones are ignored.
    - readers: those of plugins, which are asked before the built-in ones.
    """
    config = build(component.config, values) if component.config else None
    with use_readers(reader.load()() for reader in readers):
        dataset: BaseDataset[Any] = component.load()(config, build(DataOptions, values))
        dataset.check_options()
    return dataset


def channel_options(dataset: BaseDataset[Any]) -> dict[str, int]:
    """`--input_nc` and `--output_nc`, where they are not given those of the data."""
    shared, fields = dataset.shared, dataset.fields
    sides = "AB" if shared.direction == "AtoB" else "BA"
    of_data = [fields[side].tensor_channels if side in fields else 0 for side in sides]
    input_nc = shared.input_nc or of_data[0] or of_data[1] or 3
    # Data without targets: the output is an image as the input is.
    return {"input_nc": input_nc, "output_nc": shared.output_nc or of_data[1] or input_nc}


def create_dataset(plugins: Plugins, name: str, *, dataroot: str, phase: str, **options: Any) -> BaseDataset[Any]:
    """Create a registered data set; option names are those of the command line (`no_flip=True` too).

    `dataroot="demo"` draws the demo data first. Raises OptionError for an unknown data set, option or value, DataError
    if there are no images.
    """
    component = plugins.registry("dataset").get(name)
    owners = [*([component.config] if component.config else []), DataOptions]
    arguments = {"dataroot": dataroot, "phase": phase, **options}
    values = {**component.defaults, **checked(owners, arguments, of=f"data set '{name}'", plugins=plugins)}
    return make_dataset(component, values, plugins.registry("reader"))
