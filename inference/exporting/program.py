"""Traces a network by torch.export, for any batch and any size that the network accepts."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from pixlate.errors import DataError
from pixlate.inference.exported import FurtherInput
from pixlate.plugins.component import cause_of
from pixlate.util.sizes import SideRule

from .inputs import sample

#: The example that a graph is traced with: its numbers differ, so that none is taken for a constant.
BATCH, ROWS, COLUMNS = 2, 2, 3
#: Whose warnings are not for users; the last is the root, where the quantiser of ONNX Runtime writes.
QUIETED = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "")
CONSTANT = "Constraints violated"  # torch's words


def traced(network: nn.Module, inputs: Sequence[FurtherInput], channels: int, rule: SideRule) -> ExportedProgram:
    """The graph of an `ExportedNetwork`: N×C×H×W and further inputs to N×C×H×W.

    - channels: of A; rule: the sides that the networks accept, which become conditions of the graph.

    Raises DataError if it cannot be traced, or draws random numbers.
    """
    fewest = rule.at_least(1) // rule.multiple
    height, width = (max(fewest, number) * rule.multiple for number in (ROWS, COLUMNS))
    if width == height:
        width += rule.multiple
    random = torch.Generator().manual_seed(0)
    A = torch.rand(BATCH, channels, height, width, generator=random) * 2 - 1
    others = tuple(sample(each, BATCH, height, width, random) for each in inputs)
    batch, sides = Dim("batch"), {"height": _side("height", rule), "width": _side("width", rule)}
    shapes = [{0: batch, **_spatial(each.shape, sides)} for each in inputs]
    of_A = {0: batch, 2: sides["height"], 3: sides["width"]}
    return _trace(network, (A, *others), (of_A, tuple(shapes)) if shapes else (of_A,))


def traced_with_processing(network: nn.Module, channels: int) -> ExportedProgram:
    """The graph of a `ProcessedNetwork`: N×H×W×C to N×H×W×C. Raises DataError if it cannot be traced."""
    pixels = torch.randint(0, 256, (BATCH, 37, 53, channels), dtype=torch.uint8)
    sizes = {0: Dim("batch"), 1: Dim("height"), 2: Dim("width")}
    return _trace(network, (pixels,), (sizes,))


def _trace(network: nn.Module, arguments: tuple[Tensor, ...], shapes: tuple[Any, ...]) -> ExportedProgram:
    try:
        with torch.no_grad(), quiet(), torch.fx.experimental._config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
            program = torch.export.export(
                network,
                arguments,
                dynamic_shapes=shapes,
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=True,
            )
    except Exception as error:  # of torch, and of the network's own code
        if CONSTANT in str(error):
            raise DataError(
                "the generator cannot be exported, because its code takes a size of the input for a constant: "
                f"write x.shape[0] in place of len(x) ({cause_of(error)})."
            ) from error
        raise DataError(f"the generator cannot be exported: {cause_of(error)}.") from error
    random = [node.target for node in program.graph.nodes if _is_random(node.target)]
    if random:
        raise DataError(f"the generator cannot be exported, because it draws random numbers itself ({random[0]}).")
    for node in program.graph.nodes:  # where each was traced from names files of this machine
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn"):
            node.meta.pop(key, None)
    return program


def _side(name: str, rule: SideRule) -> Any:
    """The sides that a network accepts, as a symbol of torch.export."""
    fewest = rule.at_least(1) // rule.multiple
    symbol = Dim(name, min=fewest)
    return symbol if rule.multiple == 1 else rule.multiple * symbol


def _spatial(shape: Sequence[int | str], sides: dict[str, Any]) -> dict[int, Any]:
    return {position: sides[side] for position, side in enumerate(shape, start=1) if isinstance(side, str)}


def _is_random(target: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings and log records of exporters, which concern their authors."""
    loggers = [logging.getLogger(name) for name in QUIETED]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
