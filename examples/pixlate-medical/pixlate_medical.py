"""DICOM and NIfTI for pixlate: what the plugin adds, and its options.

    pixlate train --model pix2pix --dataset_mode slices --dataroot ./ct --field B=labels:5

This module imports neither torch nor the libraries that read the files: pixlate imports it for every `--help`.
"""

from dataclasses import dataclass
from typing import Literal

import click
from pixlate.plugins import Register, hookimpl, option

Axis = Literal["axial", "coronal", "sagittal"]


@dataclass(frozen=True)
class SliceConfig:
    """Options of the data set."""

    slice_axis: Axis = option(
        "axial", "direction of the slices; DICOM series have the one in which they were taken", on_change="refuse"
    )
    neighbours: int = option(
        0,
        "slices on each side of one that are channels beside it: 2N + 1 channels of A",
        type=click.IntRange(0, 32),
        on_change="refuse",
    )
    skip_empty: bool = option(False, "leave out slices that are of one value, in A or in B")


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "slices",
        "pixlate_medical_slices:SlicesDataset",
        config=SliceConfig,
        help="slices of NIfTI volumes and DICOM series, in <phase>/A and <phase>/B under equal names, or in <phase>",
    )


@hookimpl
def register_readers(register: Register) -> None:
    register("dicom", "pixlate_medical_readers:DicomReader", help="DICOM images, CT in Hounsfield units")
    register("nifti", "pixlate_medical_readers:NiftiReader", help="NIfTI images; of a volume the middle axial slice")
