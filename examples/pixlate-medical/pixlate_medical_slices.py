"""The data set "slices": slices of volumes, alone or in pairs."""

import random
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pixlate.data import BaseDataset, DataOptions, Item, ValueRange, declared_fields, one_hot, size_of
from pixlate.errors import DataError, OptionError
from pixlate.plugins import Field
from torch import Tensor

from pixlate_medical import SliceConfig
from pixlate_medical_volumes import Volume, find_volumes

SIDES = ("A", "B")


class SlicesDataset(BaseDataset[SliceConfig]):
    """Slices of the volumes in <dataroot>/<phase>/A and B, paired by name; of those in <phase> itself, A alone.

    With `--neighbours N`, A has 2N + 1 channels: N slices before, the slice, N slices after it; at the ends the last
    slice is repeated. `--field B=labels:5` makes B classes. Values are scaled by one range for each side, measured over
    all volumes.
    """

    def __init__(self, config: SliceConfig, shared: DataOptions) -> None:
        super().__init__(config, shared)
        folder = self.root / shared.phase
        sides = {side: folder / side for side in SIDES if (folder / side).is_dir()} or {"A": folder}
        self.volumes = {side: _volumes(path, config, shared.phase) for side, path in sides.items()}
        self.names = list(self.volumes["A"])
        if "B" in self.volumes:
            _require_pairs(self.volumes["A"], self.volumes["B"])
        self._declared = declared_fields(shared.field, self.root)
        slices = [(name, z) for name in self.names for z in range(self.volumes["A"][name].depth)]
        if config.skip_empty:
            slices = [(name, z) for name, z in slices if not self._is_empty(name, z)]
        self.slices = slices[: shared.max_dataset_size]
        if not self.slices:
            raise DataError(f"the volumes in '{folder}' have no slices with more than one value.")

    def __len__(self) -> int:
        return len(self.slices)

    def describe(self) -> str:
        return f"{len(self)} slices of {len(self.names)} volumes in '{self.root / self.shared.phase}'"

    def files(self) -> Sequence[Path]:
        return [file for side in self.volumes.values() for volume in side.values() for file in volume.files]

    @property
    def fields(self) -> dict[str, Field]:
        """A, and B where there is one."""
        return {side: self._field(side) for side in self.volumes}

    def sample(self, index: int, rng: random.Random) -> Item:
        """One slice, and that of B."""
        name, z = self.slices[index]
        around = range(z - self.config.neighbours, z + self.config.neighbours + 1)
        A = self.transform.resize_values(self._scaled("A", name, around))
        window = self.transform.draw(size_of(A), rng)
        item: Item = {"A": self.transform.finish(A, window), "A_paths": f"{name}_z{z:03}"}
        if "B" in self.volumes:
            item |= {"B": self._target(name, z, window), "B_paths": f"{name}_z{z:03}"}
        return item

    def _target(self, name: str, z: int, window: Any) -> Tensor:
        field = self._kinds["B"]
        if field.kind != "labels":
            return self.transform.finish(self.transform.resize_values(self._scaled("B", name, [z])), window)
        classes = self.volumes["B"][name].slice(z).astype(np.int32)
        if classes.min() < 0 or classes.max() >= field.classes:
            found = int(classes.max() if classes.max() >= field.classes else classes.min())
            raise DataError(f"'{name}' has the class {found}, and --field declares {field.classes} classes, from 0.")
        height, width = classes.shape
        levels = one_hot(classes, field.classes, self.transform.resized((width, height)))
        return self.transform.finish(levels, window)

    def _scaled(self, side: str, name: str, indices: Sequence[int] | range) -> NDArray[np.float32]:
        """Slices as channels, in [-1, 1]; beyond the ends the last one is repeated."""
        volume = self.volumes[side][name]
        planes = [volume.slice(min(max(index, 0), volume.depth - 1)) for index in indices]
        scaled: NDArray[np.float32] = self._range(side).normalised(np.stack(planes))
        return scaled

    def _range(self, side: str) -> ValueRange:
        """The range of a side: of the run, or declared, or measured."""
        declared = self._declared.get(side)
        if declared is not None and declared.value_range is not None:
            return declared.value_range
        if side not in self.value_ranges:
            self.value_ranges = {**self.value_ranges, side: self._measured(side)}
        return self.value_ranges[side]

    def _measured(self, side: str) -> ValueRange:
        low, high, whole = np.inf, -np.inf, True
        for volume in self.volumes[side].values():
            for z in range(volume.depth):
                values = volume.slice(z)
                finite = values[np.isfinite(values)]
                whole &= values.dtype.kind in "ui"
                if finite.size:
                    low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        return ValueRange.of_extremes(low, high, whole=whole) if low <= high else ValueRange(0, 1)

    @cached_property
    def _kinds(self) -> dict[str, Field]:
        return self.fields

    def _field(self, side: str) -> Field:
        declared = self._declared.get(side)
        if declared is not None and declared.kind == "labels":
            if side == "A":
                raise OptionError("--dataset_mode slices has values in A: only B may be labels.")
            palette, names = declared.palette, declared.names
            return Field("labels", classes=declared.classes, palette=palette, names=names)
        channels = 2 * self.config.neighbours + 1 if side == "A" else 1
        value_range = self._range(side)
        dtype = next(iter(self.volumes[side].values())).slice(0).dtype.name
        display = (self.config.neighbours,) if channels > 1 else ()
        return Field(channels=channels, dtype=dtype, value_range=(value_range.low, value_range.high), display=display)

    def _is_empty(self, name: str, z: int) -> bool:
        planes = [volumes[name].slice(z) for volumes in self.volumes.values()]
        return any(bool((plane == plane.flat[0]).all()) for plane in planes)


def _volumes(folder: Path, config: SliceConfig, phase: str) -> dict[str, Volume]:
    """The volumes of a folder by name. Raises DataError where there are none."""
    volumes = find_volumes(folder, config.slice_axis) if folder.is_dir() else []
    if not volumes:
        raise DataError(
            f"'{folder}' has no volumes, NIfTI files (.nii, .nii.gz) or folders of DICOM files: those of the phase "
            f"'{phase}' are read from '{phase}/A' and '{phase}/B', or '{phase}' itself."
        )
    return {volume.name: volume for volume in volumes}


def _require_pairs(A: dict[str, Volume], B: dict[str, Volume]) -> None:
    alone = sorted(A.keys() ^ B.keys())
    if alone:
        raise DataError(f"{len(alone)} volumes have no partner of the same name in A and B, such as '{alone[0]}'.")
    for name, volume in A.items():
        other = B[name]
        if (volume.depth, volume.size) != (other.depth, other.size):
            raise DataError(
                f"the volumes '{name}' differ: A has {volume.depth} slices of {volume.size}, B {other.depth} of "
                f"{other.size}."
            )
