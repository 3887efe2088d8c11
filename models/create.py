"""Makes a model from its name and its options' names and values."""

from typing import Any

import torch

from pixlate.options.fields import build, checked
from pixlate.options.shared import (
    DataOptions,
    ExperimentOptions,
    ModelOptions,
    TestingOptions,
    TrainingOptions,
)
from pixlate.plugins import get_plugins

from .base import BaseModel
from .device import choose_device


def create_model(
    name: str, *, train: bool = True, device: str | torch.device = "cpu", **options: Any
) -> BaseModel[Any]:
    """Create a registered model; option names are those of the command line (`no_dropout=True` too).

    Computes in float32, uncompiled, unless `precision` and `compile` say otherwise. Options that concern the data
    or the loop are checked and have no effect. Raises OptionError for an unknown model, option or value.
    """
    component = get_plugins().registry("model").get(name)
    own = [component.config] if component.config else []
    owners = [*own, ModelOptions, DataOptions, TrainingOptions, TestingOptions, ExperimentOptions]
    values = {"precision": "fp32", "compile": "off", **component.defaults}
    values |= checked(owners, options, of=f"model '{name}'")
    config = build(component.config, values) if component.config else None
    placed = device if isinstance(device, torch.device) else choose_device(device)
    model: BaseModel[Any] = component.load()(config, build(ModelOptions, values), train=train, device=placed)
    return model
