"""Names for the files of results: the input's stem, unless that would overwrite another input's results."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

LONGEST = 180  # bytes; a file system takes 255, and a label and an ending follow


class ResultNames:
    """Gives every input a name of its own.

    An input is called after its stem. Among the announced inputs, those whose stems are equal keep their
    sub-folder in the name (`night_0001`), and their ending where even that is equal. An input that comes a
    second time is numbered.
    """

    def __init__(self, inputs: Sequence[str] = ()) -> None:
        paths = list(dict.fromkeys(inputs))
        self._planned = dict(zip(paths, _distinct(paths), strict=True))
        self._used: Counter[str] = Counter()

    def name(self, path: str) -> str:
        """The name for the results of one more input."""
        name = self._planned.get(path) or safe_name(PurePath(path).stem)
        while True:
            self._used[name] += 1
            if self._used[name] == 1:
                return name
            name = f"{name}_{self._used[name]}"


def safe_name(name: str) -> str:
    """A name for a file in one folder: no separators or control characters, and not too long."""
    name = "".join("_" if ord(c) < 32 or c in "/\\\x7f" else c for c in name) or "_"
    data = os.fsencode(name)
    if len(data) <= LONGEST:
        return name
    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: LONGEST - 9].decode(errors='ignore')}_{digest}"


def _distinct(paths: Sequence[str]) -> list[str]:
    folders = {os.path.abspath(os.path.dirname(path)) for path in paths}
    root = os.path.commonpath(folders) if folders else ""
    stems = [safe_name(PurePath(path).stem) for path in paths]
    inside = [os.path.relpath(path, root) for path in paths]
    in_folders = [safe_name(os.path.splitext(path)[0].replace(os.sep, "_")) for path in inside]
    whole = [safe_name(path.replace(os.sep, "_").replace(".", "_")) for path in inside]
    seen, deep = Counter(stems), Counter(in_folders)
    return [
        stem if seen[stem] == 1 else folded if deep[folded] == 1 else full
        for stem, folded, full in zip(stems, in_folders, whole, strict=True)
    ]
