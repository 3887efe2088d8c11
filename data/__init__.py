"""Data sets of images: finding, reading, preprocessing and loading them.

A plugin's data set derives from `BaseDataset` or `ImageDataset`. The names here are imported on first use, because
importing torch takes seconds, and `--help` does not need it.
"""

from typing import TYPE_CHECKING

from pixlate.util.lazy import lazy_exports

if TYPE_CHECKING:
    from pixlate.options.shared import DataOptions

    from .base import BaseDataset, Item
    from .datasets import AlignedDataset, SingleDataset, UnalignedDataset
    from .declarations import declared_fields
    from .folders import find_images
    from .image_dataset import ImageDataset, Source
    from .labels import one_hot
    from .photographs import PhotographsDataset
    from .readers import PixelSize, Reader, Shape
    from .reading import read_image
    from .transforms import Pixels, preprocess, size_of
    from .value_range import ValueRange
    from .writers import Writer

_HOMES = {
    "AlignedDataset": "pixlate.data.datasets",
    "BaseDataset": "pixlate.data.base",
    "DataOptions": "pixlate.options.shared",
    "Item": "pixlate.data.base",
    "ImageDataset": "pixlate.data.image_dataset",
    "PhotographsDataset": "pixlate.data.photographs",
    "PixelSize": "pixlate.data.readers",
    "Pixels": "pixlate.data.transforms",
    "Reader": "pixlate.data.readers",
    "Shape": "pixlate.data.readers",
    "SingleDataset": "pixlate.data.datasets",
    "Source": "pixlate.data.image_dataset",
    "UnalignedDataset": "pixlate.data.datasets",
    "ValueRange": "pixlate.data.value_range",
    "Writer": "pixlate.data.writers",
    "declared_fields": "pixlate.data.declarations",
    "find_images": "pixlate.data.folders",
    "one_hot": "pixlate.data.labels",
    "preprocess": "pixlate.data.transforms",
    "read_image": "pixlate.data.reading",
    "size_of": "pixlate.data.transforms",
}

__all__ = [
    "AlignedDataset",
    "BaseDataset",
    "DataOptions",
    "Item",
    "ImageDataset",
    "PhotographsDataset",
    "PixelSize",
    "Pixels",
    "Reader",
    "Shape",
    "SingleDataset",
    "Source",
    "UnalignedDataset",
    "ValueRange",
    "Writer",
    "declared_fields",
    "find_images",
    "one_hot",
    "preprocess",
    "read_image",
    "size_of",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
