"""Registers the built-in data sets."""

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.registry import Register


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "aligned",
        "pixlate.data.datasets:AlignedDataset",
        help="pairs: side by side in one file in <phase>/, or in two folders A and B under equal names",
    )
    register(
        "unaligned",
        "pixlate.data.datasets:UnalignedDataset",
        help="two collections, <phase>A/ and <phase>B/, that are not pairs",
    )
    register("single", "pixlate.data.datasets:SingleDataset", help="the images in one folder, for testing only")
