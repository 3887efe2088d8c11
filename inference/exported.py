"""What an exported file says of itself: texts by name, which are written into the file and read back from it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Literal

from pixlate._version import __version__
from pixlate.options.command.stored import StoredRun
from pixlate.plugins.field import Field, directed
from pixlate.util.sizes import SideRule

FORMAT = 1  # the version of these texts
NormStatistics = Literal["image", "running", "none"]


@dataclass(frozen=True)
class FurtherInput:
    """An input beside the image.

    - name: as in a batch.
    - kind: "image", for all that has height and width, N×C×H×W in [-1, 1]; "scalar", N float32; "category", N int64;
      "noise", standard normal, N×shape float32.
    - shape: without N; "height" and "width" are those of the image.
    - classes: of a category.
    """

    name: str
    kind: Literal["image", "scalar", "category", "noise"]
    shape: tuple[int | str, ...] = ()
    classes: int = 0


@dataclass(frozen=True)
class Facts:
    """What an exported generator is.

    - name: the class of its model; network: the name of the generator's network.
    - stored: its options, fields, value ranges and components, as `save_pretrained` keeps them.
    - channels: of the input and of the output.
    - output_scale: pixels of the output per pixel of the input; rule: the sides that it accepts.
    - norm_statistics: of batch norm: "image", "running", or "none" where there is no batch norm.
    - processing: it takes and gives pixels of 8 bits, N×H×W×C; otherwise N×C×H×W in [-1, 1].
    - inputs: those beside the image. precision: of the weights.
    - parameters: the number of the weights; digest: the SHA-256 of those that were exported, in float32.
    - verification: the differences from PyTorch, in 8-bit levels.
    """

    name: str
    network: str
    stored: StoredRun
    channels: tuple[int, int] = (3, 3)
    output_scale: int | Fraction = 1
    rule: SideRule = SideRule()
    norm_statistics: NormStatistics = "image"
    processing: bool = False
    inputs: tuple[FurtherInput, ...] = ()
    precision: str = "fp32"
    parameters: int = 0
    digest: str = ""
    verification: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Field]:
        """The fields of the data, with A as the input; empty where none are known."""
        return directed(self.stored.read_fields(), self.direction)

    @property
    def direction(self) -> str:
        """The direction in which it translates: "AtoB" or "BtoA"."""
        return str(self.stored.options.get("direction", "AtoB"))

    def to_texts(self) -> dict[str, str]:
        """The texts, which `from_texts` reads."""
        stored = self.stored
        values: dict[str, Any] = {
            "pixlate": __version__,
            "format": FORMAT,
            "model": self.name,
            "network": self.network,
            "license": stored.options.get("license") or "unknown",
            "data_origin": stored.options.get("data_origin") or "unknown",
            "weights_sha256": self.digest,
            "parameters": self.parameters,
            "precision": self.precision,
            "input_nc": self.channels[0],
            "output_nc": self.channels[1],
            "layout": "NHWC" if self.processing else "NCHW",
            "value_range": "0 to 255" if self.processing else "-1 to 1",
            "size_multiple": self.rule.multiple,
            "size_minimum": self.rule.minimum,
            "output_scale": self.output_scale,
            "norm_statistics": self.norm_statistics,
            "dropout": "off",
            "inputs": [asdict(each) for each in self.inputs],
            "options": dict(stored.options),
            "components": {option: dict(names) for option, names in stored.components.items()},
            "fields": dict(stored.fields),
            "value_ranges": {side: list(pair) for side, pair in stored.value_ranges.items()},
            "verification": dict(self.verification),
        }
        return {name: _text(value) for name, value in values.items()}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> "Facts":
        """The facts in the texts of an exported file. May raise anything for other texts."""
        if int(texts["format"]) > FORMAT:
            raise ValueError("it was written by a newer version of pixlate")
        norm = texts["norm_statistics"]
        if norm not in ("image", "running", "none"):
            raise ValueError(f"norm_statistics is {norm!r}")
        scale, rule = Fraction(texts["output_scale"]), SideRule(int(texts["size_multiple"]), int(texts["size_minimum"]))
        if not (0 < scale <= 64 and 0 < rule.multiple <= 2**16 and 0 < rule.minimum <= 2**16):
            raise ValueError("its sizes are out of range")
        return cls(
            texts["model"],
            texts["network"],
            _stored(texts),
            channels=(int(texts["input_nc"]), int(texts["output_nc"])),
            output_scale=scale.numerator if scale.denominator == 1 else scale,
            rule=rule,
            norm_statistics=norm,  # type: ignore[arg-type]  # checked above
            processing=texts["layout"] == "NHWC",
            inputs=tuple(_input(values) for values in json.loads(texts["inputs"])),
            precision=texts["precision"],
            parameters=int(texts["parameters"]),
            digest=texts["weights_sha256"],
            verification=json.loads(texts["verification"]),
        )


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _stored(texts: Mapping[str, str]) -> StoredRun:
    options, fields, ranges, components = (
        json.loads(texts[name]) for name in ("options", "fields", "value_ranges", "components")
    )
    return StoredRun(
        dict(options),
        components={str(name): {str(k): str(v) for k, v in values.items()} for name, values in components.items()},
        value_ranges={str(side): (float(low), float(high)) for side, (low, high) in ranges.items()},
        fields={str(name): Field.from_json(values).to_json() for name, values in fields.items()},
    )


def _input(values: Mapping[str, Any]) -> FurtherInput:
    kind = values["kind"]
    if kind not in ("image", "scalar", "category", "noise"):
        raise ValueError(f"an input is of kind {kind!r}")
    shape = tuple(side if side in ("height", "width") else int(side) for side in values["shape"])
    return FurtherInput(str(values["name"]), kind, shape, int(values["classes"]))
