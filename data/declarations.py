"""`--field NAME=KIND…`: what the user says of a field that the files do not tell."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from pixlate.errors import OptionError
from pixlate.plugins.field import MAX_CLASSES, Colour, Field, Kind
from pixlate.util.foreign import foreign, read_small
from pixlate.util.text import quoted

from .value_range import ValueRange

FORMS = (
    "A=labels:11, A=labels:11:palette.json, B=mask, A=image:-1000..3071 (the values that are black and white), "
    "A=image:3,2,1 (the bands that are shown) or B=scale:2 (twice as large as A), each with a field's name before '='"
)
_NUMBER = r"-?\d+(?:\.\d+)?"


@dataclass(frozen=True)
class Declared:
    """What is declared of a field; None where nothing is.

    - classes, names, palette: of labels; value_range, display: of an image; scale: pixels per pixel of A.
    """

    kind: Kind
    classes: int = 0
    names: tuple[str, ...] = ()
    palette: tuple[Colour, ...] = ()
    value_range: ValueRange | None = None
    display: tuple[int, ...] = ()
    scale: Fraction | int = 1


def declared_fields(texts: Iterable[str], root: Path | None = None) -> dict[str, Declared]:
    """The declarations of `--field` by the field's name.

    - root: the folder in which a palette's file is looked for too.

    Raises OptionError for any other text, and for a palette that cannot be read.
    """
    declared: dict[str, Declared] = {}
    scales: dict[str, Fraction] = {}
    for text in texts:
        match = re.fullmatch(r"([A-Za-z]\w*)=(labels|mask|image|scale)(?::(.*))?", text)
        if match is None:
            raise OptionError(f"--field {text!r} is not understood: write {FORMS}.")
        name, kind, rest = match[1], match[2], match[3] or ""
        if kind == "labels":
            declared[name] = _labels(text, rest, root)
        elif kind == "mask" and not rest:
            declared[name] = Declared("mask")
        elif kind == "image" and (found := re.fullmatch(f"({_NUMBER})\\.\\.({_NUMBER})", rest)):
            low, high = float(found[1]), float(found[2])
            if low >= high:
                raise OptionError(f"--field {text!r}: the first value must be smaller than the second.")
            declared[name] = Declared("image", value_range=ValueRange(low, high))
        elif kind == "image" and re.fullmatch(r"\d{1,4}(,\d{1,4}){2}|\d{1,4}", rest):
            declared[name] = Declared("image", display=tuple(map(int, rest.split(","))))
        elif kind == "scale" and re.fullmatch(r"[1-9]\d?(/[1-9]\d?)?", rest) and name != "A":
            scales[name] = Fraction(rest)
        else:
            raise OptionError(f"--field {text!r} is not understood: write {FORMS}.")
    for name, scale in scales.items():  # beside what else is declared of it
        declared[name] = replace(declared.get(name, Declared("image")), scale=scale)
    return declared


def _labels(text: str, rest: str, root: Path | None) -> Declared:
    count, _, file = rest.partition(":")
    if not re.fullmatch(r"\d{1,5}", count) or not 1 <= int(count) <= MAX_CLASSES:
        raise OptionError(f"--field {text!r} must say how many classes there are: {text.split(':')[0]}:11, say.")
    if not file:
        return Declared("labels", int(count))
    names, palette = read_palette(_found(file, root))
    if len(palette) != int(count):
        raise OptionError(f"--field {text!r}: the palette {quoted(file)} has {len(palette)} colours, not {count}.")
    return Declared("labels", int(count), names, palette)


def _found(file: str, root: Path | None) -> Path:
    path = Path(file).expanduser()
    return root / path if root is not None and not path.is_file() and (root / path).is_file() else path


def read_palette(path: Path) -> tuple[tuple[str, ...], tuple[Colour, ...]]:
    """The names and colours of classes in a JSON file: `{"sky": [128, 128, 128], …}`, or a list of colours.

    Without names the first part is empty. Raises OptionError for any other content.
    """
    form = 'a list of colours, [[128, 128, 128], …], or names with colours, {"sky": [128, 128, 128], …}'
    try:
        content = read_small(path)
    except OSError as error:
        raise OptionError(f"the palette {quoted(path)} cannot be read: {error.strerror or error}.") from None
    with foreign(lambda problem: OptionError(f"the palette {quoted(path)} is not {form}: {problem}.")):
        values = json.loads(content.decode("utf-8"))
        colours = list(values.values() if isinstance(values, dict) else values)
        names = tuple(map(str, values)) if isinstance(values, dict) else ()
        return names, Field("labels", classes=max(1, len(colours)), palette=_colours(colours)).palette


def _colours(values: list[object]) -> tuple[Colour, ...]:
    return Field.from_json({"kind": "labels", "classes": max(1, len(values)), "palette": values}).palette
