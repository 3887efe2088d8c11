"""The built-in data sets, registered as any plugin registers its own."""

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.registry import Register


@hookimpl
def register_datasets(register: Register) -> None:
    register("aligned", "pixlate.data.aligned:AlignedDataset", help="pairs: side by side in one file, or A/ and B/")
    register("unaligned", "pixlate.data.unaligned:UnalignedDataset", help="two folders <phase>A and <phase>B, unpaired")
    register("single", "pixlate.data.single:SingleDataset", help="one folder of pictures, for one direction")
