"""Two collections of images that are not pairs."""

import random

from pixlate.options.shared import DataOptions

from .base import Item
from .folders import images_of, missing, plain_phases, sided_phases
from .image_dataset import ImageDataset, Source
from .transforms import size_of


class UnalignedDataset(ImageDataset[None]):
    """Images from <dataroot>/<phase>A and <phase>B, each cut and mirrored by itself.

    An epoch has as many items as the larger side. A follows the index; B is drawn by chance, or follows the index
    too with `--serial_batches`.
    """

    def __init__(self, config: None, shared: DataOptions) -> None:
        super().__init__(config, shared)
        self.A = self._side("A")
        self.B = self._side("B")
        self.groups = [(source,) for source in (*self.A, *self.B)]

    def __len__(self) -> int:
        return max(len(self.A), len(self.B))

    def sample(self, index: int, rng: random.Random) -> Item:
        """One image of each side. Drawn in this order: which B, then A's window, then B's."""
        a = self.A[index % len(self.A)]
        b = self.B[index % len(self.B) if self.shared.serial_batches else rng.randint(0, len(self.B) - 1)]
        item: Item = {}
        for side, source in (("A", a), ("B", b)):
            (pixels,) = self.pixels(source)
            self.require_fit(pixels, source)
            item[side] = self.transform.finish(pixels, self.transform.draw(size_of(pixels), rng))
        return {**item, "A_paths": str(a.path), "B_paths": str(b.path)}

    def _side(self, side: str) -> list[Source]:
        root, phase = self.root, self.shared.phase
        wanted = f"unpaired images lie in two folders, {phase}A and {phase}B"
        phases = sided_phases(root)
        hint = "" if phases or not plain_phases(root) else "pairs side by side in one file need --dataset_mode aligned"
        found = images_of(
            root / f"{phase}{side}",
            self.shared.max_dataset_size,
            lambda problem: missing(problem, wanted, root, phases, hint),
        )
        return [Source(path, ("A",) if side == "A" else ("B",)) for path in found]
