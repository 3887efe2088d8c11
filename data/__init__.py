"""Data sets of images: finding, reading, preparing and loading them.

`BaseDataset` and `ImageDataset` are what a plugin's data set derives from; the names here are imported when first
used, because they need torch.
"""

from typing import TYPE_CHECKING

from pixlate.util.lazy import lazy_exports

if TYPE_CHECKING:
    from pixlate.options.shared import DataOptions

    from .base import BaseDataset, Item
    from .folders import find_images
    from .image_dataset import ImageDataset, Source
    from .reading import read_image
    from .transforms import Pixels, preprocess, size_of

_HOMES = {
    "BaseDataset": "pixlate.data.base",
    "DataOptions": "pixlate.options.shared",
    "Item": "pixlate.data.base",
    "ImageDataset": "pixlate.data.image_dataset",
    "Pixels": "pixlate.data.transforms",
    "Source": "pixlate.data.image_dataset",
    "find_images": "pixlate.data.folders",
    "preprocess": "pixlate.data.transforms",
    "read_image": "pixlate.data.reading",
    "size_of": "pixlate.data.transforms",
}

__all__ = [
    "BaseDataset",
    "DataOptions",
    "Item",
    "ImageDataset",
    "Pixels",
    "Source",
    "find_images",
    "preprocess",
    "read_image",
    "size_of",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
