"""Data sets of pictures: finding, reading, preparing and loading them.

`BaseDataset` and `PictureDataset` are what a plugin's data set derives from; the names here are imported when first
used, because they need torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import BaseDataset
    from .create import create_dataset
    from .images import read_image
    from .pictures import PictureDataset, Source
    from .transforms import preprocess

_HOMES = {
    "BaseDataset": "base",
    "PictureDataset": "pictures",
    "Source": "pictures",
    "create_dataset": "create",
    "preprocess": "transforms",
    "read_image": "images",
}

__all__ = ["BaseDataset", "PictureDataset", "Source", "create_dataset", "preprocess", "read_image"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
