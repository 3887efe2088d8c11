"""The reader."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlate.data import Reader, Shape


class ExampleReader(Reader):
    """Whole numbers of 16 bits in rows, after a line "grey <width> <height>"."""

    suffixes = (".grey",)

    def accepts(self, start: bytes, path: Path) -> bool:
        """Whether the file begins as such files do."""
        return start.startswith(b"grey ")

    def shape(self, path: Path) -> Shape:
        """The size, from the first line alone."""
        with path.open() as file:
            width, height = file.readline().split()[1:]
        return Shape(int(width), int(height), channels=1, dtype="uint16")

    def read(self, path: Path) -> NDArray[Any]:
        """The values, H×W×1."""
        return np.loadtxt(path, np.uint16, skiprows=1, ndmin=2)[..., None]
