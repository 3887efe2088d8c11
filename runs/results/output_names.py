"""The names of the files of results, by `--output_template`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pixlate.errors import DataError
from pixlate.options.output_template import DEFAULT, template_parts
from pixlate.util.names import ResultNames, safe_name
from pixlate.util.text import quoted

MAX_BYTES = 240  # of a file's or a folder's name: file systems allow 255, and a suffix follows


class Names(NamedTuple):
    """The names of the results of one input.

    - title: of its row on the page.
    - files: by label, relative to the folder of images, with "/" between folders and without suffixes.
    """

    title: str
    files: dict[str, str]


class OutputNames:
    """Names every file of a test's results; no two get the same one, whatever the inputs are called.

    {stem} is made unique as in `ResultNames`: among all inputs or, where the template has {folder}, among those of one
    sub-folder.

    - template: as `--output_template` checks it.
    - folders: those of the data, to which {folder} is relative; for an input outside of them it is empty.
    - values: {name}, {phase} and {epoch}.
    """

    def __init__(
        self,
        template: str = DEFAULT,
        *,
        folders: Iterable[Path] = (),
        values: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._template, self._parts = template, template_parts(template)
        self._fields = {field for _, field in self._parts}
        self._folders = [folder.absolute() for folder in folders]
        self._values = {name: safe_name(value) for name, value in values.items()}
        self._names: dict[str, ResultNames] = {}
        self._taken: set[str] = set()
        self._count = 0

    def names(self, path: str, labels: Sequence[str]) -> Names:
        """The names of the results of the next input. Raises DataError where the template makes two of them equal."""
        self._count += 1
        folder = self._folder(path) if "folder" in self._fields else ""
        unique = self._names.setdefault(folder, ResultNames())
        while True:
            stem = unique.name(path)
            files = {label: self._filled(label, stem, folder) for label in labels}
            if len(set(files.values())) == len(files) and self._taken.isdisjoint(files.values()):
                self._taken.update(files.values())
                return Names(f"{folder}/{stem}" if folder else stem, files)
            if "stem" not in self._fields or len(set(files.values())) < len(files):
                raise DataError(
                    f"--output_template {quoted(self._template)} gives results of {quoted(path)} a name that is taken: "
                    "separate its fields, as in {stem}_{label}."
                )

    def _filled(self, label: str, stem: str, folder: str) -> str:
        fields = {**self._values, "stem": stem, "label": safe_name(label), "folder": folder}
        fields["index"] = f"{self._count:05}"  # as names of equal length sort
        name = "".join(text + fields.get(field, "") for text, field in self._parts)
        return "/".join(_inside(part) for part in name.split("/") if part)

    def _folder(self, path: str) -> str:
        """The sub-folder of an input, of safe names: relative to the deepest folder of the data that holds it."""
        parent = Path(path).absolute().parent
        holding = [folder for folder in self._folders if parent.is_relative_to(folder)]
        if not holding:
            return ""
        deepest = max(holding, key=lambda folder: len(folder.parts))
        return "/".join(_inside(safe_name(part)) for part in parent.relative_to(deepest).parts)


def _inside(name: str) -> str:
    """A name that is neither hidden nor leads to another folder, and not too long."""
    return safe_name(f"_{name[1:]}" if name.startswith(".") else name, MAX_BYTES)
