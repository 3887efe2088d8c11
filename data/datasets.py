"""The built-in data sets of image folders: pairs, two unpaired collections, and a single collection."""

import random
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pixlate.errors import DataError
from pixlate.options.shared import DataOptions

from .base import Item
from .folders import Found, first, folders_in, holds_images, own_images, survey, why_no_images
from .image_dataset import ImageDataset, Side, Source
from .inventory import Inventory, LeftOutList, Place
from .layouts import couples, missing_images, other_form, plain_phases, sided_phases, where_sides_go
from .pairs import find_pairs
from .plugin import PairOptions
from .value_range import ValueRange

Config = TypeVar("Config")
SIDES: tuple[Side, Side] = ("A", "B")


class AlignedDataset(ImageDataset[PairOptions | None]):
    """Pairs of A and B, cropped at the same position and flipped together.

    Reads files with A and B side by side from <dataroot>/<phase>, or files of equal names (without the extension) from
    <phase>/A and <phase>/B, from A/<phase> and B/<phase>, or from <phase>A and <phase>B; see `--pair_by`.
    """

    def __init__(self, config: PairOptions | None, shared: DataOptions) -> None:
        super().__init__(config, shared)
        pair_by = config.pair_by if config else "auto"
        pairs = find_pairs(self.root, shared.phase, pair_by, shared.max_dataset_size)
        self.groups, self.inventory = pairs.groups, pairs.inventory

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        """One pair: A and B, and the paths of their files, which are equal if both are in one file."""
        group = self.groups[index]
        A, B = (pixels for source in group for pixels in self.pixels(source))
        window = self.draw(A, rng)
        return {
            "A": self.transform.finish(A, window),
            "B": self.transform_of("B").finish(B, window),
            "A_paths": str(group[0].path),
            "B_paths": str(group[-1].path),
        }


class UnalignedDataset(ImageDataset[None]):
    """Images from <dataroot>/<phase>A and <phase>B, each cropped and flipped independently.

    An epoch has as many items as the larger side. The index selects A; B is drawn at random, or selected by the index
    too with `--serial_batches`.
    """

    paired = False

    def __init__(self, config: None, shared: DataOptions) -> None:
        super().__init__(config, shared)
        found = self._find()
        limit = shared.max_dataset_size
        self.A, self.B = ([Source(path, (side,)) for path in first(found[side].images, limit)] for side in SIDES)
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
            item[side] = self.image(source, rng)
        return {**item, "A_paths": str(source_A.path), "B_paths": str(source_B.path)}

    def take_groups(self, indices: Iterable[int]) -> None:
        """Keep these images of the two sides."""
        super().take_groups(indices)
        self.A, self.B = ([source for (source,) in self.groups if source.sides == (side,)] for side in SIDES)

    def take_each_input_once(self, limit: int | None) -> None:
        """One item for each image of the input side, also where the other side has more.

        Results are named after inputs. Where an input comes again, the reference replaces its results by those of the
        later pair: its last pair is the one that stays.
        """
        inputs = self.A if self.shared.direction == "AtoB" else self.B
        last_indices = {index % len(inputs): index for index in range(min(len(self), limit or len(self)))}.values()
        self.A, self.B = ([side[index % len(side)] for index in last_indices] for side in (self.A, self.B))
        self.groups = [(source,) for source in dict.fromkeys((*self.A, *self.B))]

    def _find(self) -> dict[Side, Found]:
        root, phase = self.root, self.shared.phase
        folders = {side: root / f"{phase}{side}" for side in SIDES}
        if not all(folder.is_dir() for folder in folders.values()):
            couple = next(couples(root, phase), None)
            if couple is not None:
                folders = {"A": couple.A, "B": couple.B}
        found = {
            side: survey(folder) if folder.is_dir() else Found([], LeftOutList()) for side, folder in folders.items()
        }
        for side, folder in folders.items():
            if not found[side].images:
                self._refuse(folder)
        counts = {side: len(found[side].images) for side in SIDES}
        limit = self.shared.max_dataset_size
        self.inventory = Inventory(
            sum(counts.values()),
            "image",
            tuple(Place(folders[side], counts[side], side) for side in SIDES),
            used=sum(min(limit, count) for count in counts.values())
            if limit and limit < max(counts.values())
            else None,
            left_out=(found["A"].left_out + found["B"].left_out).counts(),
        )
        return found

    def _refuse(self, folder: Path) -> None:
        root, phase = self.root, self.shared.phase
        phases = sided_phases(root)
        hint = where_sides_go(root, phase)
        if not hint and not phases and plain_phases(root):
            hint = "use --dataset_mode aligned for pairs side by side in one file" + other_form(root)
        expected = f"unpaired images are read from two folders, {phase}A and {phase}B"
        raise missing_images(why_no_images(folder), expected, root, phases, hint)


class SingleDataset(ImageDataset[Config]):
    """The images in <dataroot> and its sub-folders as "A", for a generator that translates in one direction.

    If <dataroot> itself has no images and has sub-folders <phase>, <phase>A or <phase>B with images, these are read.
    """

    def __init__(self, config: Config, shared: DataOptions) -> None:
        super().__init__(config, shared)
        root = self.root
        folders, others = self._folders()
        found = {folder: survey(folder) for folder in folders}
        paths = [path for place in found.values() for path in place.images]
        if not paths:
            raise DataError(f"{why_no_images(root)}; --dataroot must be the folder of the images to translate.")
        left_out = LeftOutList()
        for place in found.values():
            left_out += place.left_out
        limit = shared.max_dataset_size
        self.inventory = Inventory(
            len(paths),
            "image",
            tuple(Place(folder, len(place.images)) for folder, place in found.items()),
            used=limit if limit is not None and limit < len(paths) else None,
            unread=tuple(others),
            left_out=left_out.counts(),
        )
        self.groups = [(Source(path, ("A",)),) for path in first(paths, limit)]

    @cached_property
    def channels(self) -> dict[str, int]:
        """The images are the model's input, whatever the direction."""
        return {"A": self.shared.input_nc or self.stored_as("A").channels}

    def use_value_ranges(self, ranges: Mapping[str, ValueRange]) -> None:
        """Its images are the model's input, whatever the direction."""
        side = "A" if self.shared.direction == "AtoB" else "B"
        super().use_value_ranges({"A": ranges[side]} if side in ranges else {})

    def _folders(self) -> tuple[list[Path], list[str]]:
        """The folders to read, and the names of other folders with images beside them."""
        root, phase = self.root, self.shared.phase
        if next(own_images(root), None) is not None:
            return [root], []
        names = folders_in(root)
        taken = [name for name in (phase, f"{phase}A", f"{phase}B") if name in names and holds_images(root / name)]
        if not taken:
            return [root], []
        others = [name for name in names if name not in taken and holds_images(root / name)]
        return [root / name for name in taken], others

    def __len__(self) -> int:
        return len(self.groups)

    def sample(self, index: int, rng: random.Random) -> Item:
        """One image, "A", and its file."""
        (source,) = self.groups[index]
        return {"A": self.image(source, rng), "A_paths": str(source.path)}
