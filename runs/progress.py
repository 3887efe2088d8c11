"""How far a run has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Progress:
    """A position in a run.

    - epoch: the epoch under way, from 1.
    - epoch_images: pictures seen in this epoch.
    - images: pictures seen in the run, all its sessions together.
    - step: optimizer steps taken.
    """

    epoch: int = 1
    epoch_images: int = 0
    images: int = 0
    step: int = 0

    def after(self, images: int, *, stepped: bool = True) -> Progress:
        """The position after a batch of so many pictures."""
        return Progress(self.epoch, self.epoch_images + images, self.images + images, self.step + (1 if stepped else 0))

    def next_epoch(self) -> Progress:
        """The position at the start of the next epoch."""
        return replace(self, epoch=self.epoch + 1, epoch_images=0)

    def crossed(self, frequency: int, before: Progress) -> bool:
        """Whether a multiple of `frequency` pictures was reached since `before`."""
        return self.images // frequency != before.images // frequency


@dataclass(frozen=True)
class Sample:
    """A picture that is not trained on, translated: `images` are 1×C×H×W in [-1, 1] on the CPU, by name."""

    phase: str
    name: str
    images: Mapping[str, Tensor]
