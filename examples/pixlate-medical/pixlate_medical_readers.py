"""Readers of single images: DICOM by pydicom, NIfTI by nibabel.

DICOM values are those that the file means: rescaled by its slope and intercept, so that CT is in Hounsfield units;
bright is high, also where the file says MONOCHROME1; colours are RGB. Of several frames the first is read.

NIfTI images are in canonical orientation and shown as radiologists see them: of an axial slice the front is up and the
patient's right is on the left.
"""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from numpy.typing import NDArray
from pixlate.data import PixelSize, Reader, Shape
from pydicom.pixels import apply_color_lut, pixel_array

from pixlate_medical_volumes import NiftiVolume

Values = NDArray[Any]
INTEGERS = ("uint8", "uint16", "int16", "int32")  # of which values get the smallest that holds them


class DicomReader(Reader):
    """DICOM files with pixels, also compressed ones as far as pydicom's installed decoders read them."""

    suffixes = (".dcm", ".dicom")

    def accepts(self, start: bytes, path: Path) -> bool:
        return start[128:132] == b"DICM" or path.suffix.lower() in self.suffixes

    def shape(self, path: Path) -> Shape:
        header = _header(path)
        return Shape(int(header.Columns), int(header.Rows), _channels(header), _dtype(header))

    def read(self, path: Path) -> Values:
        file = pydicom.dcmread(path)
        _require_pixels(file)
        several = int(file.get("NumberOfFrames", 1) or 1) > 1
        values = pixel_array(file, index=0) if several else pixel_array(file)  # colours become RGB
        if file.PhotometricInterpretation == "PALETTE COLOR":
            values = apply_color_lut(values, file)
        dtype = _dtype(file)
        if values.ndim == 2:
            values = _rescaled(values, file, dtype)
        typed: Values = values.reshape(*values.shape[:2], -1).astype(dtype)
        return typed

    def pixel_size(self, path: Path) -> PixelSize | None:
        """From the attribute Pixel Spacing."""
        spacing = _header(path).get("PixelSpacing")
        return PixelSize(float(spacing[1]), float(spacing[0]), "mm") if spacing else None


class NiftiReader(Reader):
    """NIfTI files, compressed ones too: images, and of a volume the middle axial slice."""

    suffixes = (".nii", ".nii.gz")

    def accepts(self, start: bytes, path: Path) -> bool:
        return start[344:348] in (b"n+1\0", b"ni1\0") or start[4:8] == b"n+2\0" or path.name.endswith(self.suffixes)

    def shape(self, path: Path) -> Shape:
        volume = NiftiVolume(path)
        height, width = volume.size
        return Shape(width, height, 1, volume.dtype)

    def read(self, path: Path) -> Values:
        volume = NiftiVolume(path)
        return volume.slice(volume.depth // 2)[..., None]

    def pixel_size(self, path: Path) -> PixelSize | None:
        """From the header's zooms."""
        x, y = nibabel.as_closest_canonical(nibabel.load(path)).header.get_zooms()[:2]
        return PixelSize(float(x), float(y), "mm")


def _header(path: Path) -> Any:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    _require_pixels(header)
    return header


def _require_pixels(header: Any) -> None:
    missing = [name for name in ("Rows", "Columns", "PhotometricInterpretation") if name not in header]
    if missing:
        raise ValueError(f"it is a DICOM file without an image: {missing[0]} is missing")


def _channels(header: Any) -> int:
    colours = header.PhotometricInterpretation == "PALETTE COLOR" or int(header.get("SamplesPerPixel", 1)) == 3
    return 3 if colours else 1


def _scale(header: Any) -> tuple[float, float]:
    return float(header.get("RescaleSlope", 1) or 1), float(header.get("RescaleIntercept", 0) or 0)


def _stored_limits(header: Any) -> tuple[int, int]:
    """The lowest and the highest value that the stored bits can have."""
    bits = int(header.get("BitsStored", header.BitsAllocated))
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if int(header.get("PixelRepresentation", 0)) else (0, 2**bits - 1)


def _dtype(header: Any) -> str:
    """The type of the values that are read, from the header alone."""
    if "FloatPixelData" in header or "DoubleFloatPixelData" in header:
        return "float32"
    if _channels(header) == 3:
        deep = int(header.BitsAllocated) > 8 and header.PhotometricInterpretation != "PALETTE COLOR"
        table = header.get("RedPaletteColorLookupTableDescriptor")
        return "uint16" if deep or (table and int(table[2]) > 8) else "uint8"
    slope, intercept = _scale(header)
    if not (slope.is_integer() and intercept.is_integer()):
        return "float32"
    limits = [value * slope + intercept for value in _stored_limits(header)]
    for name in INTEGERS:
        kind = np.iinfo(name)
        if kind.min <= min(limits) and max(limits) <= kind.max:
            return name
    return "float32"


def _rescaled(values: Values, header: Any, dtype: str) -> Values:
    """Values by the modality's slope and intercept; MONOCHROME1 is inverted, so that high is bright."""
    slope, intercept = _scale(header)
    if header.PhotometricInterpretation == "MONOCHROME1":
        low, high = _stored_limits(header)
        values = low + high - values.astype(np.int64)
    rescaled: Values = values.astype(np.float64) * slope + intercept
    return np.rint(rescaled) if np.dtype(dtype).kind in "ui" else rescaled
