"""The context of a model: its device, and the components that its options name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pixlate.plugins.component import Component
from pixlate.plugins.field import Field


@dataclass(frozen=True)
class ModelContext:
    """What a model is constructed with beside its options.

    - device: where its networks are.
    - train: False for a model that only translates.
    - components: the component that each option of type NameOf names, by the option's name ("netG", "norm",
      "gan_mode", …); the model's own options are included.
    - fields: the fields of the data by name, with A as the input; None or empty where the data set declares none.
    - check: called before each network is built, with its name and the network on the meta device, which takes no
      memory. Raises CheckpointError where the weights to be loaded belong to another network.
    """

    device: torch.device
    train: bool
    components: Mapping[str, Component]
    fields: Mapping[str, Field] | None = None
    check: Callable[[str, nn.Module], None] | None = None

    def __deepcopy__(self, memo: object) -> "ModelContext":
        return self  # immutable; a component refers to its plugin, a module, which cannot be copied

    def load(self, option: str) -> Any:
        """Import the class or function that an option names. Raises OptionError if it cannot be imported."""
        return self.components[option].load()
