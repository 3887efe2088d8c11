"""Quantises an ONNX file to int8: weights and inputs of convolutions in 8 bits, by the values of real images.

Static quantisation, with the ranges of activations measured before (MinMax): the dynamic one of ONNX Runtime covers no
convolutions. Weights have a scale for each output channel. Transposed convolutions, for which ONNX Runtime has no
kernel in 8 bits, are computed in floating point from 8-bit weights: they make the file smaller, not faster. The first
and the last convolution stay in float32: on our runs that gains 1 to 2 dB, and costs a hundredth of the file.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pixlate.errors import DataError
from pixlate.plugins.component import cause_of

from .program import quiet

QUANTISED = ["Conv", "ConvTranspose"]


def to_int8(model: Any, inputs: Iterable[Mapping[str, NDArray[Any]]]) -> Any:
    """An onnx.ModelProto in 8 bits, from one in float32.

    - inputs: those of several images, by name, whose activations give the ranges.

    Raises DataError where ONNX Runtime cannot quantise it.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Images(CalibrationDataReader):  # type: ignore[misc]  # a class without types
        def __init__(self) -> None:
            self._images = iter(inputs)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            following = next(self._images, None)
            return None if following is None else dict(following)

    convolutions = [node.name for node in model.graph.node if node.op_type in QUANTISED]
    # It works on files; nothing of them stays.
    with tempfile.TemporaryDirectory(prefix="pixlate-") as folder, quiet():
        before, after = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, before)
        try:
            quantize_static(
                before,
                after,
                Images(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=QUANTISED,
                nodes_to_exclude=[*convolutions[:1], *convolutions[-1:]],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        except Exception as error:
            raise DataError(f"the generator cannot be quantised: {cause_of(error)}.") from error
        model = onnx.load(after)
    model.producer_name = "pixlate"
    return model
