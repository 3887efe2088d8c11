"""Pairs of images: one file with A and B side by side, or two folders whose files have the same names."""

import random
from collections.abc import Sequence
from pathlib import Path

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions
from pixlate.util.text import counted, listed, shown

from .base import Item
from .folders import (
    find_images,
    folders_in,
    has_own_images,
    holds_images,
    images_of,
    missing,
    plain_phases,
    sided_phases,
)
from .image_dataset import ImageDataset, Source
from .transforms import size_of

WANTED = "pairs lie there side by side in one file, A left and B right, or in two folders A and B under equal names"


class AlignedDataset(ImageDataset[None]):
    """Pairs of A and B, cut at the same place and mirrored together.

    Looks for side-by-side files in <dataroot>/<phase>; else for files of equal names, endings aside, in
    <phase>/A and <phase>/B, in A/<phase> and B/<phase>, or in <phase>A and <phase>B.
    """

    def __init__(self, config: None, shared: DataOptions) -> None:
        super().__init__(config, shared)
        self.groups = find_pairs(self.root, shared.phase, shared.max_dataset_size)

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        """One pair: A and B, and the files they are from (twice the same where they share one)."""
        group = self.groups[index]
        A, B = (pixels for source in group for pixels in self.pixels(source))
        window = self.transform.draw(size_of(A), rng)
        return {
            "A": self.transform.finish(A, window),
            "B": self.transform.finish(B, window),
            "A_paths": str(group[0].path),
            "B_paths": str(group[-1].path),
        }


def find_pairs(root: Path, phase: str, limit: int | None = None) -> Sequence[tuple[Source, ...]]:
    """The pairs of a phase, wherever they lie. Raises DataError when there are none, or names do not match."""
    folder = root / phase
    split = (folder / "A").is_dir() and (folder / "B").is_dir() and not has_own_images(folder)
    if holds_images(folder) and not split:
        return [(Source(path, ("A", "B")),) for path in find_images(folder, limit)]
    for A, B in ((folder / "A", folder / "B"), (root / "A" / phase, root / "B" / phase)):
        if A.is_dir() and B.is_dir():
            return _matched(A, B, limit)
    A, B = root / f"{phase}A", root / f"{phase}B"
    if A.is_dir() and B.is_dir():
        return _matched(A, B, limit, "; images that are not pairs need --dataset_mode unaligned")
    phases = [*plain_phases(root), *sided_phases(root)]
    if "A" in phases and "B" in phases:
        phases = folders_in(root / "A")
    images_of(folder, limit, lambda problem: missing(problem, WANTED, root, phases))
    raise AssertionError("a folder without images has some")


def _matched(A: Path, B: Path, limit: int | None, hint: str = "") -> list[tuple[Source, ...]]:
    files = {side: _by_stem(folder) for side, folder in (("A", A), ("B", B))}
    for folder, other, here, there in ((A, B, files["A"], files["B"]), (B, A, files["B"], files["A"])):
        alone = [shown(path.name) for stem, path in here.items() if stem not in there]
        if alone:
            raise DataError(
                f"{counted(len(alone), 'image')} in {shown(folder)} without a partner in {shown(other)}: "
                f"{listed(alone, 3)}. The two files of a pair have the same name, endings aside{hint}."
            )
    if not files["A"]:
        raise DataError(f"{shown(A)} and {shown(B)} hold no images.")
    return [(Source(path, ("A",)), Source(files["B"][stem], ("B",))) for stem, path in list(files["A"].items())[:limit]]


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in find_images(folder):
        stem = str(path.relative_to(folder).with_suffix(""))
        if stem in found:
            raise DataError(
                f"{shown(found[stem])} and {shown(path)} differ only in their endings: remove one, so that it is "
                "clear which is in the pair."
            )
        found[stem] = path
    return found
