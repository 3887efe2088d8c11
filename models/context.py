"""What a model is given beside its options."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from pixlate.plugins.component import Component


@dataclass(frozen=True)
class ModelContext:
    """Where a model runs, and what the names in its options stand for.

    - device: of its networks; train: False where it only translates.
    - components: what each option that names a component stands for, by the option: "netG", "norm", "gan_mode", …,
      those of the model's own options included.
    - fields: the fields of the data by name; None where the data set declares none.
    """

    device: torch.device
    train: bool
    components: Mapping[str, Component]
    fields: Mapping[str, Any] | None = None

    def __deepcopy__(self, memo: object) -> "ModelContext":
        return self  # a copy of a model shares what never changes, plugins and their modules among it

    def load(self, option: str) -> Any:
        """The class or callable that an option names. Raises OptionError where it cannot be imported."""
        return self.components[option].load()
