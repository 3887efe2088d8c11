"""The error of an image file that cannot be read."""

import os

from pixlate.errors import DataError
from pixlate.util.text import quoted


class BadImageError(DataError):
    """An image file that cannot be read; `path` is its path."""

    path: str = ""

    @classmethod
    def of(cls, path: str | os.PathLike[str], reason: str) -> "BadImageError":
        """The error for a file; `reason` is half a sentence, such as "it is empty"."""
        error = cls(f"cannot read {quoted(path)} as an image: {reason}.")
        error.path = os.fspath(path)
        return error
