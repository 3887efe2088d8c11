"""Unique names for result files, derived from the names of their inputs."""

import hashlib
import os
from collections import Counter
from pathlib import PurePath

MAX_BYTES = 180  # length of a name: file systems allow 255 bytes, and a label and a suffix follow


class ResultNames:
    """A unique name for every input: its stem, as in the reference, unless another input has that name.

    Where a file of another folder has the name already, the input's folder is put before it (`night_0001`); where a
    file of the same folder has it, the suffix is put after it (`0001_png`). Names that still clash, as when the same
    input comes again, are numbered (`0001_2`).
    """

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}  # the path of each name's input
        self._repeats: Counter[str] = Counter()

    def name(self, path: str) -> str:
        """The name for the results of the next input."""
        file = PurePath(path)
        name = safe_name(file.stem)
        owner = PurePath(self._owners.get(name, path))
        if owner.parent != file.parent:
            name = safe_name(f"{file.parent.name}_{file.stem}")
        elif owner != file:
            name = safe_name(f"{file.stem}_{file.suffix[1:]}")
        unnumbered = name
        while name in self._owners:
            self._repeats[unnumbered] += 1
            name = f"{unnumbered}_{self._repeats[unnumbered] + 1}"
        self._owners[name] = path
        return name


def safe_name(name: str, most: int = MAX_BYTES) -> str:
    """A valid file name: without separators and control characters, and of at most `most` bytes.

    A long name is cut, and a hash of the whole name is added, so that names with the same beginning stay different.
    """
    name = "".join("_" if ord(c) < 32 or c in "/\\\x7f" else c for c in name) or "_"
    data = os.fsencode(name)
    if len(data) <= most:
        return name
    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: most - 9].decode(errors='ignore')}_{digest}"
