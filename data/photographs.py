"""The base class of data sets whose samples are made from single photographs."""

from pathlib import Path

from .datasets import Config, SingleDataset
from .folders import holds_images


class PhotographsDataset(SingleDataset[Config]):
    """The photographs in <dataroot>/<phase>, or in <phase>A and <phase>B; where there are none, in <dataroot>.

    A subclass makes a sample from one: `self.image(self.groups[index][0], rng)` is "A" of `SingleDataset`.
    """

    def _folders(self) -> tuple[list[Path], list[str]]:
        """The folders of the phase come first, so that a training does not read the test's."""
        phase = self.shared.phase
        taken = [name for name in (phase, f"{phase}A", f"{phase}B") if holds_images(self.root / name)]
        return ([self.root / name for name in taken], []) if taken else super()._folders()
