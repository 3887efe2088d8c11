"""DICOM and NIfTI files of pydicom and nibabel are read to the values that those libraries give."""

import warnings
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pixlate
import pydicom
import pytest
from nibabel.orientations import apply_orientation, io_orientation
from pixlate.data import PixelSize, read_image
from pixlate.errors import DataError
from pydicom.pixels import apply_modality_lut, convert_color_space

from pixlate_medical_readers import DicomReader, NiftiReader

DICOM = Path(pydicom.__file__).parent / "data" / "test_files"
NIFTI = Path(nibabel.__file__).parent / "tests" / "data"
GREY = ["CT_small", "MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_implicit", "liver_1frame"]
COLOUR = ["SC_rgb_rle", "SC_rgb_jpeg_dcmtk", "SC_rgb_small_odd", "SC_rgb_rle_2frame", "SC_rgb_rle_16bit"]
COLOUR += ["examples_rgb_color"]


@pytest.fixture(autouse=True)
def odd_files() -> Any:
    """pydicom warns of what is odd in its own test files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", GREY)
def test_grey_values_are_those_that_the_file_means(name: str) -> None:
    path = DICOM / f"{name}.dcm"
    file = pydicom.dcmread(path)
    expected = apply_modality_lut(file.pixel_array, file)
    found, shape = DicomReader().read(path), DicomReader().shape(path)
    assert np.array_equal(found[..., 0], expected)
    assert (shape.height, shape.width, shape.channels) == found.shape
    assert shape.dtype == found.dtype.name


def test_ct_is_in_hounsfield_units() -> None:
    values = DicomReader().read(DICOM / "CT_small.dcm")
    assert values.dtype == np.int32
    assert values.min() == -896
    assert values.max() == 1167


@pytest.mark.parametrize("name", COLOUR)
def test_colours_are_rgb(name: str) -> None:
    path = DICOM / f"{name}.dcm"
    file = pydicom.dcmread(path)
    expected = file.pixel_array
    expected = expected[0] if expected.ndim == 4 else expected
    if "YBR" in file.PhotometricInterpretation and not name.startswith("SC_rgb_jpeg"):
        expected = convert_color_space(expected, file.PhotometricInterpretation, "RGB")
    found = DicomReader().read(path)
    assert np.array_equal(found, expected)
    assert DicomReader().shape(path).dtype == found.dtype.name


def test_palettes_are_colours() -> None:
    path = DICOM / "examples_palette.dcm"
    found, shape = DicomReader().read(path), DicomReader().shape(path)
    assert found.shape == (shape.height, shape.width, 3)
    assert shape.dtype == found.dtype.name
    assert len(np.unique(found.reshape(-1, 3), axis=0)) > 20


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    file = pydicom.dcmread(DICOM / "MR_small.dcm")
    before = DicomReader().read(DICOM / "MR_small.dcm")
    file.PhotometricInterpretation = "MONOCHROME1"
    file.save_as(tmp_path / "a.dcm")
    found = DicomReader().read(tmp_path / "a.dcm")
    assert np.corrcoef(found.ravel(), before.ravel())[0, 1] == pytest.approx(-1)


def test_a_folder_of_dicom_files_is_data_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "one").write_bytes((DICOM / "CT_small.dcm").read_bytes())  # known by its content
    (tmp_path / "scans" / "two.dcm").write_bytes((DICOM / "CT_small.dcm").read_bytes())
    dataset = pixlate.create_dataset("single", dataroot=tmp_path / "scans", preprocess="none")
    assert len(dataset) == 2
    assert dataset.fields["A"].dtype == "int32"
    assert dataset[0]["A"].shape == (1, 128, 128)


def test_the_size_of_a_pixel() -> None:
    file = pydicom.dcmread(DICOM / "CT_small.dcm")
    height, width = map(float, file.PixelSpacing)
    assert DicomReader().pixel_size(DICOM / "CT_small.dcm") == PixelSize(width, height, "mm")


@pytest.mark.parametrize("name", ["rtplan", "reportsi", "waveform_ecg"])
def test_files_without_an_image_are_a_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a DICOM file without an image") as caught:
        pixlate_reads(DICOM / f"{name}.dcm")
    assert name in str(caught.value)


def test_damaged_files_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes((DICOM / "CT_small.dcm").read_bytes()[:9000])
    (tmp_path / "b.nii").write_bytes((NIFTI / "anatomical.nii").read_bytes()[:9000])
    for name in ("a.dcm", "b.nii"):
        with pytest.raises(DataError, match=f"cannot read '.*{name}'"):
            pixlate_reads(tmp_path / name)


def pixlate_reads(path: Path) -> None:
    from pixlate.data.current_readers import BUILTIN
    from pixlate.data.reading import Reading

    read_image(path, Reading(readers=(DicomReader(), NiftiReader(), *BUILTIN)))


@pytest.mark.parametrize("name", ["anatomical.nii", "standard.nii.gz", "example_nifti2.nii.gz"])
def test_nifti_values_in_the_view_of_radiologists(name: str) -> None:
    image: Any = nibabel.load(NIFTI / name)
    if len(image.shape) == 4:
        with pytest.raises(DataError, match="has 4 dimensions"):
            NiftiReader().read(NIFTI / name)
        return
    data = apply_orientation(image.get_fdata(), io_orientation(image.affine))  # right, front, up
    middle = data[:, :, data.shape[2] // 2]
    expected = np.rot90(middle)[:, ::-1]  # front up, right on the left
    found, shape = NiftiReader().read(NIFTI / name), NiftiReader().shape(NIFTI / name)
    assert np.allclose(found[..., 0], expected)
    assert (shape.height, shape.width, 1) == found.shape
    assert shape.dtype == found.dtype.name


def test_left_and_right_are_those_of_the_patient(tmp_path: Path) -> None:
    """A bright spot at the patient's right and front is in the upper left corner, however the file is stored."""
    for signs in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        data = np.zeros((10, 12, 3), np.int16)
        x, y = (8 if signs[0] > 0 else 1), (10 if signs[1] > 0 else 1)
        data[x, y, 1] = 100
        nibabel.save(nibabel.Nifti1Image(data, np.diag([signs[0], signs[1], 1, 1])), tmp_path / "a.nii.gz")
        found = NiftiReader().read(tmp_path / "a.nii.gz")[..., 0]
        (row,), (column,) = np.nonzero(found)
        assert (row, column) == (1, 1)
        (tmp_path / "a.nii.gz").unlink()
        from pixlate_medical_volumes import _nifti_values

        _nifti_values.cache_clear()
