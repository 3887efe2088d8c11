"""The base class of data sets whose samples are made from single photographs."""

from pathlib import Path

from .datasets import Config, SingleDataset
from .folders import holds_images, why_no_images
from .layouts import missing_images, plain_phases, sided_phases

PHASES = frozenset({"train", "val", "test"})


class PhotographsDataset(SingleDataset[Config]):
    """The photographs in <dataroot>/<phase>, or <phase>A and <phase>B; without such folders, those in <dataroot>.

    A subclass makes a sample from one: `self.image(self.groups[index][0], rng)` is "A" of `SingleDataset`.
    """

    def _folders(self) -> tuple[list[Path], list[str]]:
        """The folders of the phase come first, so that a training does not read the test's.

        Raises DataError where there are folders of other phases: photographs beside them may be of any.
        """
        root, phase = self.root, self.shared.phase
        taken = [name for name in (phase, f"{phase}A", f"{phase}B") if holds_images(root / name)]
        if taken:
            return [root / name for name in taken], []
        others = [*plain_phases(root), *sided_phases(root)]
        if PHASES & set(others):
            expected = f"photographs are read from a folder '{phase}', or '{phase}A' and '{phase}B'"
            raise missing_images(why_no_images(root / phase), expected, root, others)
        return super()._folders()
