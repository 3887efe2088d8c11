"""Files that belong to inputs by their places, as masks do, and what a model takes beside the image."""

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

from pixlate.data.folders import survey, why_no_images
from pixlate.errors import DataError, OptionError, did_you_mean
from pixlate.plugins.field import Field
from pixlate.util.text import quoted

from .inputs import Source


class Companions:
    """One image for each input, or one for all of them.

    - path: an image, for all inputs; or a folder, where an input's companion has its place, or else its name, without
      the extension: masks/night/1.png for night/1.jpg, or masks/1.png.
    - what: what they are, for messages: "mask".

    Raises DataError where there is no such file or folder, or no image in it.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._path, self._what = path, what
        self._places: dict[str, list[Path]] = {}
        if path.is_dir():
            for image in survey(path).images:
                self._places.setdefault(_key(image.relative_to(path)), []).append(image)
        if not path.is_file() and not self._places:
            raise DataError(f"{why_no_images(path)}: no {what} can be read.")

    def of(self, source: Source) -> Path:
        """The image that belongs to an input. Raises DataError where there is none, or more than one."""
        if not self._path.is_dir():
            return self._path
        found = self._places.get(_key(source.place)) or self._places.get(_key(PurePath(source.place.name))) or []
        if len(found) == 1:
            return found[0]
        if found:
            problem = f"{quoted(found[0])} and {quoted(found[1])} have its name"
        else:
            problem = f"{quoted(self._path)} has none"
        raise DataError(f"no {self._what} for {quoted(source.path)}: {problem}.")


class FurtherInputs:
    """What `--input NAME=VALUE` gives a model beside the image.

    - texts: "mask=masks/", "target=1", "target=blond": a file or a folder, a number, or the name of a class.
    - fields: of the model's data by name; empty where they are not known.

    Raises OptionError for other texts, and for a name that the model does not know.
    """

    def __init__(self, texts: Iterable[str], fields: Mapping[str, Field]) -> None:
        self._fields = fields
        self._images: dict[str, Companions] = {}
        self.numbers: dict[str, int | float] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or not name.isidentifier() or not value:
                raise OptionError(f"--input {text!r} must be NAME=VALUE, as mask=masks/ or target=1.")
            others = [known for known in fields if known not in ("A", "B")]
            if fields and name not in others:
                raise OptionError(f"--input {name}: the model has no such input.{did_you_mean(name, others)}")
            self._add(name, value, fields.get(name))

    def _add(self, name: str, value: str, field: Field | None) -> None:
        path = Path(value).expanduser()
        if (field is None or field.is_spatial) and path.exists():
            self._images[name] = Companions(path, name)
        elif field is not None and field.is_spatial:
            raise OptionError(f"--input {name}={value}: there is no file or folder {quoted(path)}.")
        elif field is not None and value in field.names:
            self.numbers[name] = field.names.index(value)
        else:
            self.numbers[name] = _number(name, value, field)

    @property
    def has_images(self) -> bool:
        """Whether images are among them."""
        return bool(self._images)

    def files(self, source: Source) -> dict[str, Path]:
        """The images that belong to an input, by the names of the fields. Raises DataError where one is missing."""
        return {name: companions.of(source) for name, companions in self._images.items()}

    def lacks(self, name: str) -> bool:
        """Whether a field of the model's data, beside A and B, is not given."""
        return name in self._fields and name not in ("A", "B", *self.numbers, *self._images)

    def is_as_large(self, name: str) -> bool:
        """Whether images of a field have the size of the input."""
        return name not in self._fields or self._fields[name].scale == 1

    def of(self, source: Source) -> dict[str, Any]:
        """What the model takes beside an input."""
        return {**self.numbers, **self.files(source)}


def _number(name: str, value: str, field: Field | None) -> int | float:
    whole = field is not None and field.kind == "category"
    try:
        number = int(value) if whole or value.lstrip("+-").isdigit() else float(value)
    except ValueError:
        known = f" one of {', '.join(field.names)}, or its number" if field and field.names else " a number or a file"
        raise OptionError(f"--input {name}={value}: {name} is{known}.") from None
    if field is not None and field.kind == "category" and not 0 <= number < field.classes:
        raise OptionError(f"--input {name}={value}: the classes of {name} have the numbers 0 to {field.classes - 1}.")
    return number


def _key(place: PurePath) -> str:
    return unicodedata.normalize("NFC", place.with_suffix("").as_posix())
