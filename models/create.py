"""Constructs models: from resolved options, as a run does, or by name, as `pixlate.create_model` does."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from pixlate.errors import OptionError
from pixlate.options.fields import build, checked, defaults_of
from pixlate.options.shared import (
    DataOptions,
    ExperimentOptions,
    InferenceOptions,
    ModelOptions,
    TrainingOptions,
    ValidationOptions,
)
from pixlate.plugins.component import Component
from pixlate.plugins.field import Field
from pixlate.plugins.manager import Plugins
from pixlate.util.foreign import foreign

from .base import BaseModel
from .context import ModelContext


def make_model(component: Component, values: Mapping[str, Any], context: ModelContext) -> BaseModel[Any]:
    """Construct the model of a component.

    - values: options by name, of which unrelated ones are ignored. None is the declared default.

    Raises OptionError for options that the model does not take, and for data that do not fit it.
    """
    values = {name: value for name, value in values.items() if value is not None}
    config = build(component.config, values) if component.config else None
    model: BaseModel[Any] = component.load()(config, build(ModelOptions, values), context)
    _check_scale(component.name, model)
    return model


def _check_scale(name: str, model: BaseModel[Any]) -> None:
    """Raise OptionError for data whose B has another size than the output of the model."""
    B = (model.context.fields or {}).get("B")
    if model.train and B is not None and B.scale != model.output_scale:
        raise OptionError(
            f"the data has {B.scale} pixels of its target per pixel of its input, but the output of model '{name}' has "
            f"{model.output_scale}: choose another --model, or declare the data with --field B=scale:N."
        )


def create_model(
    plugins: Plugins,
    name: str,
    *,
    train: bool,
    device: torch.device,
    fields: Mapping[str, Field] | None = None,
    check: Callable[[str, nn.Module], None] | None = None,
    **options: Any,
) -> BaseModel[Any]:
    """Create a registered model; option names are those of the command line (`no_dropout=True` too).

    Computes in float32, uncompiled, unless `precision` and `compile` say otherwise. Options that concern the data
    or the loop are checked and have no effect. For `check` see `ModelContext`. Raises OptionError for an unknown model,
    option or value.
    """
    component = plugins.registry("model").get(name)
    owners = [*([component.config] if component.config else []), ModelOptions]
    known = [*owners, DataOptions, TrainingOptions, InferenceOptions, ExperimentOptions, ValidationOptions]
    # Later entries take precedence: declared defaults, this function's, the component's, the caller's options.
    values = {**defaults_of(owners), "precision": "fp32", "compile": "off", **component.defaults}
    # Options may come from a file, as a list instead of a number.
    with foreign(lambda problem: OptionError(f"an option of model '{name}' has a value of the wrong kind: {problem}.")):
        values |= checked(known, options, of=f"model '{name}'", plugins=plugins)
    return make_model(component, values, ModelContext(device, train, plugins.components(owners, values), fields, check))
