"""Fields: what the parts of a sample are, declared by a data set before models are built."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any, Literal, get_args

Kind = Literal["image", "labels", "mask", "scalar", "category"]
KINDS: tuple[str, ...] = get_args(Kind)
Space = Literal["", "L*", "a*b*"]
SPACES: tuple[str, ...] = get_args(Space)
SPATIAL = ("image", "labels", "mask")  # the kinds that have height and width
Colour = tuple[int, int, int]
MAX_CLASSES = 2**16


@dataclass(frozen=True)
class Field:
    """One part of a sample.

    - kind: "image"; "labels", a class for each pixel; "mask", a share from 0 to 1 for each pixel; "scalar", a number;
      "category", one of several classes for the whole sample.
    - channels: of an image.
    - value_range: of an image, the values that -1 and 1 stand for.
    - dtype: of an image, the type of its values in files, by NumPy's name.
    - scale: pixels of this field per pixel of A: 2 where B is twice as large.
    - classes: the number of classes of labels and categories; names: of the classes, where they have any.
    - palette: the colours of the classes of labels.
    - display: how more than three channels are shown: the numbers of the bands that are red, green and blue, from 0; or
      of one band that is grey.
    - space: of an image, "L*" or "a*b*" where its channels are those of CIELAB, which colours are converted to.

    In a batch an image is N×C×H×W in [-1, 1], a mask N×1×H×W in [-1, 1], labels N×classes×H×W, 1 for the class of the
    pixel and -1 for the others; a scalar is N float32, a category N int64.
    """

    kind: Kind = "image"
    channels: int = 3
    value_range: tuple[float, float] = (0.0, 255.0)
    dtype: str = "uint8"
    scale: Fraction | int = 1
    classes: int = 0
    names: tuple[str, ...] = ()
    palette: tuple[Colour, ...] = ()
    display: tuple[int, ...] = ()
    space: Space = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a field's kind is one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.kind in ("labels", "category") and not 1 <= self.classes <= MAX_CLASSES:
            raise ValueError(f"a field of {self.kind} has 1 to {MAX_CLASSES} classes, not {self.classes!r}")
        if self.kind == "image" and self.channels < 1:
            raise ValueError(f"an image has 1 channel or more, not {self.channels!r}")
        if self.scale <= 0:
            raise ValueError(f"a field's scale is positive, not {self.scale!r}")
        if self.names and len(self.names) != self.classes:
            raise ValueError(f"{self.classes} classes have {len(self.names)} names")
        if self.space not in SPACES or (self.space and (self.kind, self.channels) != ("image", len(self.space) // 2)):
            raise ValueError(f"an image of {self.channels} channels has no colour space {self.space!r}")

    @property
    def is_spatial(self) -> bool:
        """Whether it has height and width."""
        return self.kind in SPATIAL

    @property
    def tensor_channels(self) -> int:
        """The channels of its N×C×H×W tensor: for labels one for each class; 0 for what has no height and width."""
        return {"image": self.channels, "labels": self.classes, "mask": 1}.get(self.kind, 0)

    def to_json(self) -> dict[str, Any]:
        """Plain values, which `from_json` reads."""
        values = asdict(self)
        values["scale"] = str(self.scale)
        default = asdict(Field())
        return {name: value for name, value in values.items() if name == "kind" or value != default.get(name)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Field":
        """The field of plain values. Raises ValueError, TypeError or KeyError for others."""
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        low, high = (float(value) for value in known.get("value_range", (0, 255)))
        if not low <= high or abs(low) == float("inf") or abs(high) == float("inf"):
            raise ValueError(f"a value range is from {low} to {high}")
        return cls(
            kind=known.get("kind", "image"),
            channels=_whole(known.get("channels", 3)),
            value_range=(low, high),
            dtype=str(known.get("dtype", "uint8")),
            scale=_scale(known.get("scale", 1)),
            classes=_whole(known.get("classes", 0)),
            names=tuple(map(str, known.get("names", ()))),
            palette=tuple(_colour(colour) for colour in known.get("palette", ())),
            display=tuple(_whole(band) for band in known.get("display", ())),
            space=known.get("space", ""),
        )


def directed(fields: Mapping[str, Field], direction: str) -> dict[str, Field]:
    """The fields as a model sees them: with BtoA, A and B are exchanged, and scales are those to the new A."""
    if direction == "AtoB" or "B" not in fields:
        return dict(fields)
    other, unit = {"A": "B", "B": "A"}, Fraction(fields["B"].scale)
    swapped = {other.get(name, name): field for name, field in fields.items()}
    return {name: replace(field, scale=_plain(field.scale / unit)) for name, field in swapped.items()}


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError(f"{value!r} is no number of channels, classes or bands")
    return value


def _scale(value: Any) -> Fraction | int:
    return _plain(Fraction(str(value)))


def _plain(fraction: Fraction) -> Fraction | int:
    return fraction.numerator if fraction.denominator == 1 else fraction


def _colour(values: Sequence[Any]) -> Colour:
    red, green, blue = (_whole(value) for value in values)
    if max(red, green, blue) > 255:
        raise ValueError(f"{values!r} is no colour of 8 bits")
    return red, green, blue
