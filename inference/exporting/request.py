"""What is asked of an export, and what an export can be refused for before anything is computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pixlate.errors import DataError, OptionError
from pixlate.inference.exported import FurtherInput
from pixlate.plugins.field import Field
from pixlate.util.text import either

from .layers import Statistics

Target = Literal["onnx", "torch-export", "safetensors", "web"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
#: The precisions of each format.
PRECISIONS: Mapping[str, tuple[str, ...]] = {
    "onnx": ("fp32", "fp16", "int8"),
    "web": ("fp32", "fp16", "int8"),
    "torch-export": ("fp32", "fp16", "bf16"),
    "safetensors": ("fp32",),
}
#: The largest difference from PyTorch that is accepted, in 8-bit levels. Of lower precisions it is measured and said.
TOLERANCE = 1.0


@dataclass(frozen=True)
class Request:
    """An export.

    - statistics: of batch norm; processing: whether pixels of 8 bits go in and come out.
    - tolerance: the largest difference that is accepted, in 8-bit levels; None for that of the precision.
    """

    target: Target = "onnx"
    statistics: Statistics = "image"
    processing: bool = False
    precision: Precision = "fp32"
    tolerance: float | None = None

    def __post_init__(self) -> None:
        known = PRECISIONS[self.target]
        if self.precision not in known:
            why = {
                "bf16": ", because ONNX Runtime has no convolution in bf16 for processors",
                "int8": ", because torch.export has no quantised convolution",
            }.get(self.precision, "")
            if self.target == "safetensors":
                why = ", because it keeps the weights as they are"
            raise OptionError(f"--to {self.target} has --precision {either(known)}, not {self.precision}{why}.")

    @property
    def limit(self) -> float:
        """The largest difference that is accepted; of lower precisions any, unless it is given."""
        if self.tolerance is not None:
            return self.tolerance
        return TOLERANCE if self.precision == "fp32" else float("inf")


def require_pixels(fields: Mapping[str, Field], channels: tuple[int, int], inputs: tuple[FurtherInput, ...]) -> None:
    """Raise DataError for a model that does not translate images of 8 bits alone, as pre- and post-processing do."""
    if inputs:
        names = ", ".join(each.name for each in inputs)
        raise DataError(f"the model needs {names} beside the image, and so cannot be exported with its processing.")
    if not set(channels) <= {1, 3}:
        raise DataError(
            f"the processing is that of grey and RGB images, and the model translates {channels[0]} to {channels[1]} "
            "channels: export it without."
        )
    for name in "AB":
        field = fields.get(name, Field())
        if (field.kind, field.dtype, field.space) != ("image", "uint8", ""):
            what = field.kind if field.kind != "image" else field.space or field.dtype
            raise DataError(
                f"the processing is that of 8-bit images, and {name} of the model is {what}: export it without."
            )
