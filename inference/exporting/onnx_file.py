"""Writes the graph of a generator as ONNX: one file with its weights and its facts, in standard operators alone."""

from typing import Any

import torch
from torch.export import ExportedProgram

from pixlate.errors import DataError
from pixlate.inference.exported import Facts
from pixlate.inference.onnx_engine import EXTRA, IMAGE, MAX_BYTES, require_onnx
from pixlate.plugins.component import cause_of
from pixlate.util.optional import require_extra

from .program import quiet

#: The version of ONNX's operators. Every runtime of the last years reads it; newer ones gain nothing here.
OPSET = 18
OUTPUT = "output"  # the name of the output


def require_exporter(what: str) -> None:
    """Raise OptionError where a library is not installed that writes ONNX files or computes them; `what` needs it."""
    require_onnx(what)
    require_extra("onnxscript", EXTRA, what)


def to_onnx(program: ExportedProgram, facts: Facts) -> Any:
    """The graph as an onnx.ModelProto, with the facts as its metadata.

    Raises DataError if ONNX has no form of one of its operators.
    """
    import onnx

    names = [IMAGE, *(each.name for each in facts.inputs)]
    try:
        with quiet():
            exported = torch.onnx.export(
                program, dynamo=True, opset_version=OPSET, input_names=names, output_names=[OUTPUT], verbose=False
            )
        model = exported.model_proto  # type: ignore[union-attr]  # None without dynamo
    except Exception as error:  # of torch.onnx and onnxscript
        raise DataError(f"the generator cannot be written as ONNX: {cause_of(error)}.") from error
    _without_origins(model)
    _name_sizes(model, facts)
    describe(model, facts)
    onnx.checker.check_model(model)
    return model


def describe(model: Any, facts: Facts) -> None:
    """Write the facts into a model, in place of those that it has."""
    del model.metadata_props[:]
    for key, value in facts.to_texts().items():
        model.metadata_props.add(key=key, value=value)


def whole(model: Any) -> bytes:
    """The file. Raises DataError for one that is too large: its weights would have to lie in a second file."""
    if model.ByteSize() > MAX_BYTES:
        raise DataError("an ONNX file with its weights holds 2 GiB at most: this generator is larger.")
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _without_origins(model: Any) -> None:
    """Leave out where each node was traced from, which names files of this machine."""
    model.producer_name, model.doc_string = "pixlate", ""
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]


def _name_sizes(model: Any, facts: Facts) -> None:
    """Call the sizes batch, height and width, instead of torch's symbols."""
    scaled = ("height", "width") if facts.output_scale == 1 else ("output_height", "output_width")
    for value, sides in [*((each, ("height", "width")) for each in model.graph.input), (model.graph.output[0], scaled)]:
        dims = value.type.tensor_type.shape.dim
        symbolic = [dim for dim in dims if dim.dim_param]
        for dim, name in zip(symbolic, ("batch", *sides), strict=False):
            dim.dim_param = name
