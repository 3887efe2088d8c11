"""Volumes: NIfTI files, and DICOM series in folders."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from pixlate.errors import DataError

from pixlate_medical import Axis

Values = NDArray[Any]
AXES = {"sagittal": 0, "coronal": 1, "axial": 2}  # of a NIfTI volume in canonical orientation: to the right, front, up
IN_MEMORY = 4  # volumes that a process keeps decoded


class Volume(ABC):
    """Slices of one size, in order.

    - name: without extension, by which A and B are paired; files: that it is read from.
    """

    name: str
    files: Sequence[Path]

    @property
    @abstractmethod
    def depth(self) -> int:
        """The number of slices."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """Height and width of a slice."""

    @abstractmethod
    def slice(self, index: int) -> Values:
        """One slice, H×W."""


class NiftiVolume(Volume):
    """A NIfTI file of two or three dimensions, in canonical orientation. Raises DataError for any other."""

    def __init__(self, path: Path, axis: Axis = "axial") -> None:
        self.name = path.name.removesuffix(".gz").removesuffix(".nii")
        self.files, self._axis = [path], AXES[axis]
        self._shape = _nifti_shape(path)

    @property
    def depth(self) -> int:
        return self._shape[self._axis]

    @property
    def size(self) -> tuple[int, int]:
        across, down = (side for axis, side in enumerate(self._shape) if axis != self._axis)
        return down, across

    @property
    def dtype(self) -> str:
        """Of the values, by NumPy's name: those of the file, unless it scales them."""
        header = nibabel.load(self.files[0]).header
        slope, intercept = header.get_slope_inter()
        return str(header.get_data_dtype().name) if slope in (None, 1) and not intercept else "float32"

    def slice(self, index: int) -> Values:
        """From the front down, or from above down, and the patient's right on the left."""
        plane = _nifti_values(self.files[0], self.dtype).take(index, self._axis)
        turned: Values = plane[::-1, ::-1].T
        return turned


class DicomSeries(Volume):
    """The files of one series, in the order of their positions."""

    def __init__(self, name: str, files: Sequence[Path]) -> None:
        self.name, self.files = name, files

    @property
    def depth(self) -> int:
        return len(self.files)

    @cached_property
    def size(self) -> tuple[int, int]:
        from pixlate_medical_readers import DicomReader

        shape = DicomReader().shape(self.files[0])
        return shape.height, shape.width

    def slice(self, index: int) -> Values:
        plane = _dicom_values(self.files[index])
        if plane.shape != self.size:
            raise DataError(f"the slices of '{self.name}' differ in size: {plane.shape} and {self.size}.")
        return plane


def find_volumes(folder: Path, axis: Axis) -> list[Volume]:
    """The volumes in a folder, by name: NIfTI files, and folders of DICOM files. Raises DataError for bad files."""
    volumes: list[Volume] = []
    for entry in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        if entry.name.endswith((".nii", ".nii.gz")):
            volumes.append(NiftiVolume(entry, axis))
        elif entry.is_dir():
            volumes += _series_in(entry)
    return volumes


def _series_in(folder: Path) -> list[Volume]:
    """The DICOM series in a folder and its sub-folders: one is named after it, several are numbered."""
    series: dict[str, list[tuple[Any, Path]]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
        except Exception:  # no DICOM file
            continue
        if "Rows" in header:
            series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append((header, path))
    found: list[Volume] = []
    for number, files in enumerate(series.values()):
        name = folder.name if len(series) == 1 else f"{folder.name}_{number}"
        ordered = sorted(files, key=lambda file: (_position(file[0]), str(file[1])))
        found.append(DicomSeries(name, [path for _, path in ordered]))
    return found


TAGS = ["Rows", "SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "InstanceNumber"]


def _position(header: Any) -> float:
    """The place of a slice along the normal of its plane; where that is missing, its number."""
    position, orientation = header.get("ImagePositionPatient"), header.get("ImageOrientationPatient")
    if position and orientation:
        normal = np.cross(np.array(orientation[:3], float), np.array(orientation[3:], float))
        return float(np.dot(np.array(position, float), normal))
    return float(header.get("InstanceNumber") or 0)


def _nifti_shape(path: Path) -> tuple[int, int, int]:
    """The sizes in canonical orientation; an image is a volume of one slice."""
    try:
        across, front, up = _canonical(path).shape
    except DataError:
        raise
    except Exception as error:  # nibabel raises errors of many types for a damaged file
        raise DataError(f"cannot read '{path}' as NIfTI: {' '.join(str(error).split())}.") from None
    return int(across), int(front), int(up)


def _canonical(path: Path) -> Any:
    """The image of a file with three axes: to the right, to the front, up. Raises DataError for more."""
    image: Any = nibabel.load(path)
    shape = image.shape
    if len(shape) == 2:
        image = nibabel.Nifti1Image(np.asanyarray(image.dataobj)[..., None], image.affine)
    elif len(shape) > 3 and max(shape[3:]) == 1:
        image = image.slicer[(slice(None),) * 3 + (0,) * (len(shape) - 3)]
    elif len(shape) != 3:
        raise DataError(f"'{path}' has {len(shape)} dimensions: a volume has three.")
    return nibabel.as_closest_canonical(image)


@lru_cache(maxsize=IN_MEMORY)
def _nifti_values(path: Path, dtype: str) -> Values:
    """A decoded volume: compressed ones cannot be read slice by slice."""
    values: Values = np.asanyarray(_canonical(path).dataobj).astype(dtype)
    return values


@lru_cache(maxsize=256)
def _dicom_values(path: Path) -> Values:
    from pixlate_medical_readers import DicomReader

    values = DicomReader().read(path)
    if values.shape[2] != 1:
        raise DataError(f"'{path}' has colours: slices have one value for each pixel.")
    return values[..., 0]
