"""Data sets of pictures: finding, reading, preparing and loading them.

`BaseDataset` and `PictureDataset` are what a plugin's data set derives from; the names here are imported when first
used, because they need torch.
"""

from typing import TYPE_CHECKING

from pixlate.util.lazy import lazily

if TYPE_CHECKING:
    from pixlate.options.shared import DataOptions

    from .base import BaseDataset, Item
    from .create import create_dataset
    from .folders import find_pictures
    from .images import read_image
    from .pictures import PictureDataset, Source
    from .transforms import Pixels, preprocess, size_of

_HOMES = {
    "BaseDataset": "pixlate.data.base",
    "DataOptions": "pixlate.options.shared",
    "Item": "pixlate.data.base",
    "PictureDataset": "pixlate.data.pictures",
    "Pixels": "pixlate.data.transforms",
    "Source": "pixlate.data.pictures",
    "create_dataset": "pixlate.data.create",
    "find_pictures": "pixlate.data.folders",
    "preprocess": "pixlate.data.transforms",
    "read_image": "pixlate.data.images",
    "size_of": "pixlate.data.transforms",
}

__all__ = [
    "BaseDataset",
    "DataOptions",
    "Item",
    "PictureDataset",
    "Pixels",
    "Source",
    "create_dataset",
    "find_pictures",
    "preprocess",
    "read_image",
    "size_of",
]

__getattr__ = lazily(__name__, _HOMES)
