"""The built-in data sets of image folders: pairs, two unpaired collections, and a single collection."""

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
    missing_images,
    plain_phases,
    sided_phases,
    why_no_images,
)
from .image_dataset import ImageDataset, Side, Source
from .transforms import size_of

PAIRS = "pairs are read from files with A left and B right, or from two folders A and B with files of equal names"


class AlignedDataset(ImageDataset[None]):
    """Pairs of A and B, cropped at the same position and flipped together.

    Reads files with A and B side by side from <dataroot>/<phase>; if there are none, files of equal names (without the
    extension) from <phase>/A and <phase>/B, from A/<phase> and B/<phase>, or from <phase>A and <phase>B.
    """

    def __init__(self, config: None, shared: DataOptions) -> None:
        super().__init__(config, shared)
        self.groups = find_pairs(self.root, shared.phase, shared.max_dataset_size)

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        """One pair: A and B, and the paths of their files, which are equal if both are in one file."""
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

    An epoch has as many items as the larger side. The index selects A; B is drawn at random, or selected by the index
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
        """One image of each side, and their paths."""
        # The order of the draws is fixed, because an item is a function of the seed: which B, A's window, B's window.
        source_A = self.A[index % len(self.A)]
        index_B = index % len(self.B) if self.shared.serial_batches else rng.randint(0, len(self.B) - 1)
        source_B = self.B[index_B]
        item: Item = {}
        for side, source in (("A", source_A), ("B", source_B)):
            (pixels,) = self.pixels(source)
            self.require_fit(pixels, source)
            item[side] = self.transform.finish(pixels, self.transform.draw(size_of(pixels), rng))
        return {**item, "A_paths": str(source_A.path), "B_paths": str(source_B.path)}

    def _side(self, side: Side) -> list[Source]:
        root, phase = self.root, self.shared.phase
        expected = f"unpaired images are read from two folders, {phase}A and {phase}B"
        phases = sided_phases(root)
        hint = (
            "" if phases or not plain_phases(root) else "use --dataset_mode aligned for pairs side by side in one file"
        )
        paths = images_of(
            root / f"{phase}{side}",
            self.shared.max_dataset_size,
            lambda problem: missing_images(problem, expected, root, phases, hint),
        )
        return [Source(path, (side,)) for path in paths]


class SingleDataset(ImageDataset[None]):
    """The images in <dataroot> and its sub-folders as "A", for a generator that translates in one direction.

    If <dataroot> itself has no images and has a sub-folder <phase> with images, only that sub-folder is read.
    """

    def __init__(self, config: None, shared: DataOptions) -> None:
        super().__init__(config, shared)
        folder = self.root
        if not has_own_images(folder):
            if holds_images(folder / shared.phase):
                folder = folder / shared.phase
            elif (folder / f"{shared.phase}A").is_dir() or (folder / f"{shared.phase}B").is_dir():
                raise DataError(
                    f"{quoted(folder)} has several collections ({listed(folders_in(folder), 8)}): name the one to "
                    f"translate, as in --dataroot {quoted(folder / f'{shared.phase}A')}."
                )
        paths = images_of(
            folder,
            shared.max_dataset_size,
            lambda problem: DataError(f"{problem}; --dataroot must be the folder of the images to translate."),
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
    """The pairs of a phase in any of the layouts of AlignedDataset, at most `limit`.

    Raises DataError if there are none, or if names do not match.
    """
    folder = root / phase
    in_two_folders = (folder / "A").is_dir() and (folder / "B").is_dir() and not has_own_images(folder)
    if holds_images(folder) and not in_two_folders:
        return [(Source(path, ("A", "B")),) for path in find_images(folder, limit)]
    for A, B in ((folder / "A", folder / "B"), (root / "A" / phase, root / "B" / phase)):
        if A.is_dir() and B.is_dir():
            return _matched(A, B, limit)
    A, B = root / f"{phase}A", root / f"{phase}B"
    if A.is_dir() and B.is_dir():
        return _matched(A, B, limit, "; for images that are not pairs, use --dataset_mode unaligned")
    phases = [*plain_phases(root), *sided_phases(root)]
    if "A" in phases and "B" in phases:  # the layout A/<phase> and B/<phase>
        phases = folders_in(root / "A")
    raise missing_images(why_no_images(folder), PAIRS, root, phases)


def _matched(A: Path, B: Path, limit: int | None, hint: str = "") -> list[tuple[Source, ...]]:
    paths_A, paths_B = _by_stem(A), _by_stem(B)
    for folder, other_folder, paths, other_paths in ((A, B, paths_A, paths_B), (B, A, paths_B, paths_A)):
        unmatched = [quoted(path.name) for stem, path in paths.items() if stem not in other_paths]
        if unmatched:
            raise DataError(
                f"{counted(len(unmatched), 'image')} in {quoted(folder)} without a partner in {quoted(other_folder)}: "
                f"{listed(unmatched, 3)}. The two files of a pair must have the same name, extensions aside{hint}."
            )
    if not paths_A:
        raise DataError(f"{quoted(A)} and {quoted(B)} have no images.")
    return [(Source(path, ("A",)), Source(paths_B[stem], ("B",))) for stem, path in list(paths_A.items())[:limit]]


def _by_stem(folder: Path) -> dict[str, Path]:
    """The images in a folder by their paths relative to it, without the extension."""
    paths: dict[str, Path] = {}
    for path in find_images(folder):
        stem = str(path.relative_to(folder).with_suffix(""))
        if stem in paths:
            raise DataError(
                f"{quoted(paths[stem])} and {quoted(path)} differ only in their extensions: remove one, so that "
                "the pair is unambiguous."
            )
        paths[stem] = path
    return paths
