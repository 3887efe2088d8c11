"""Names for the files of results: the input's stem, unless that would overwrite another input's results."""

import hashlib
import os
from collections import Counter
from pathlib import PurePath

LONGEST = 180  # bytes; a file system takes 255, and a label and an ending follow


class ResultNames:
    """Gives every input a name of its own: its stem where that is free.

    An input whose stem was taken by a file of another folder has its folder in its name (`night_0001`), by one of
    the same folder its ending (`0001_png`). What is still taken, and an input that comes again, is numbered.
    """

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}
        self._times: Counter[str] = Counter()

    def name(self, path: str) -> str:
        """The name for the results of one more input."""
        file = PurePath(path)
        name = safe_name(file.stem)
        owner = PurePath(self._owners.get(name, path))
        if owner.parent != file.parent:
            name = safe_name(f"{file.parent.name}_{file.stem}")
        elif owner != file:
            name = safe_name(f"{file.stem}_{file.suffix[1:]}")
        wanted = name
        while name in self._owners:
            self._times[wanted] += 1
            name = f"{wanted}_{self._times[wanted] + 1}"
        self._owners[name] = path
        return name


def safe_name(name: str) -> str:
    """A name for a file in one folder: no separators or control characters, and not too long."""
    name = "".join("_" if ord(c) < 32 or c in "/\\\x7f" else c for c in name) or "_"
    data = os.fsencode(name)
    if len(data) <= LONGEST:
        return name
    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: LONGEST - 9].decode(errors='ignore')}_{digest}"
