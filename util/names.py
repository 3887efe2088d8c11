"""Names for result files: the input's stem, unless that would overwrite another input's results."""

import hashlib
import os
from collections import Counter
from pathlib import PurePath

MAX_BYTES = 180  # of a name; file systems allow 255, and a label and a suffix follow


class ResultNames:
    """A unique name for every input: its stem, as the reference names results, where that is free.

    An input whose stem is taken by a file of another folder gets its folder into its name (`night_0001`), by one of
    the same folder its suffix (`0001_png`). A name that is still taken, as by the same input again, is numbered.
    """

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}  # the path of the input by name
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


def safe_name(name: str) -> str:
    """A valid file name: without separators and control characters, and not too long.

    A long name is cut, and the hash of the whole keeps it apart from others that begin alike.
    """
    name = "".join("_" if ord(c) < 32 or c in "/\\\x7f" else c for c in name) or "_"
    data = os.fsencode(name)
    if len(data) <= MAX_BYTES:
        return name
    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: MAX_BYTES - 9].decode(errors='ignore')}_{digest}"
