"""The built-in data sets of image folders: pairs, two unpaired collections, and images of one side."""

import random
from collections.abc import Sequence
from pathlib import Path

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions
from pixlate.util.text import counted, listed, quoted

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
from .image_dataset import ImageDataset, Side, Source
from .transforms import size_of

PAIRS = "pairs lie there side by side in one file, A left and B right, or in two folders A and B under equal names"


class AlignedDataset(ImageDataset[None]):
    """Pairs of A and B, cropped at the same place and flipped together.

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


class UnalignedDataset(ImageDataset[None]):
    """Images from <dataroot>/<phase>A and <phase>B, each cropped and flipped independently.

    An epoch has as many items as the larger side. A follows the index; B is drawn at random, or follows the index
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

    def _side(self, side: Side) -> list[Source]:
        root, phase = self.root, self.shared.phase
        expected = f"unpaired images lie in two folders, {phase}A and {phase}B"
        phases = sided_phases(root)
        hint = "" if phases or not plain_phases(root) else "pairs side by side in one file need --dataset_mode aligned"
        paths = images_of(
            root / f"{phase}{side}",
            self.shared.max_dataset_size,
            lambda problem: missing(problem, expected, root, phases, hint),
        )
        return [Source(path, (side,)) for path in paths]


class SingleDataset(ImageDataset[None]):
    """The images in <dataroot>, sub-folders included, as "A": for a generator that translates in one direction.

    Where only sub-folders hold images and one of them is named after the phase, that one is read.
    """

    def __init__(self, config: None, shared: DataOptions) -> None:
        super().__init__(config, shared)
        folder = self.root
        if not has_own_images(folder):
            if holds_images(folder / shared.phase):
                folder = folder / shared.phase
            elif (folder / f"{shared.phase}A").is_dir() or (folder / f"{shared.phase}B").is_dir():
                raise DataError(
                    f"{quoted(folder)} holds several collections ({listed(folders_in(folder), 8)}): name the one to "
                    f"translate, as in --dataroot {quoted(folder / f'{shared.phase}A')}."
                )
        paths = images_of(
            folder,
            shared.max_dataset_size,
            lambda problem: DataError(f"{problem}; --dataroot names the folder of the images to translate."),
        )
        self.groups = [(Source(path, ("A",)),) for path in paths]

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        """One image, "A", and its file."""
        (source,) = self.groups[index]
        (pixels,) = self.pixels(source)
        self.require_fit(pixels, source)
        return {
            "A": self.transform.finish(pixels, self.transform.draw(size_of(pixels), rng)),
            "A_paths": str(source.path),
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
    images_of(folder, limit, lambda problem: missing(problem, PAIRS, root, phases))
    raise AssertionError("images_of raises where there are no images")


def _matched(A: Path, B: Path, limit: int | None, hint: str = "") -> list[tuple[Source, ...]]:
    paths_A, paths_B = _by_stem(A), _by_stem(B)
    for folder, other_folder, paths, other_paths in ((A, B, paths_A, paths_B), (B, A, paths_B, paths_A)):
        unmatched = [quoted(path.name) for stem, path in paths.items() if stem not in other_paths]
        if unmatched:
            raise DataError(
                f"{counted(len(unmatched), 'image')} in {quoted(folder)} without a partner in {quoted(other_folder)}: "
                f"{listed(unmatched, 3)}. The two files of a pair have the same name, endings aside{hint}."
            )
    if not paths_A:
        raise DataError(f"{quoted(A)} and {quoted(B)} hold no images.")
    return [(Source(path, ("A",)), Source(paths_B[stem], ("B",))) for stem, path in list(paths_A.items())[:limit]]


def _by_stem(folder: Path) -> dict[str, Path]:
    """The images in a folder by their names relative to it, without the ending."""
    paths: dict[str, Path] = {}
    for path in find_images(folder):
        stem = str(path.relative_to(folder).with_suffix(""))
        if stem in paths:
            raise DataError(
                f"{quoted(paths[stem])} and {quoted(path)} differ only in their endings: remove one, so that it is "
                "clear which is in the pair."
            )
        paths[stem] = path
    return paths
