"""Exports a generator: traces it, writes the file, compares it with PyTorch, and only then puts it in place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from pixlate.errors import DataError
from pixlate.inference.engine import ModelEngine
from pixlate.inference.exported import Facts
from pixlate.inference.onnx_engine import IMAGE, OnnxEngine
from pixlate.inference.translator import Translator
from pixlate.models.base import BaseModel
from pixlate.util.files import write_whole
from pixlate.util.text import quoted

from .inputs import examined
from .layers import has_batch_norm, has_dropout
from .network import ExportedNetwork, reference_output
from .onnx_file import describe, require_exporter, to_onnx, whole
from .precision import to_int8
from .processing import ProcessedNetwork
from .program import traced, traced_with_processing
from .request import Request, require_pixels
from .torch_file import program_file, read_program
from .verification import Case, Compute, Verification, by_name, cases, compare, each_alone, in_layout, synthetic_images

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16, "int8": torch.float32}


@dataclass(frozen=True)
class Exported:
    """An export that was written.

    - facts: what the file says of itself; dropout: whether the model has dropout, which the export leaves out.
    - verification: how it differs from PyTorch; bytes: the size of the file.
    """

    facts: Facts
    dropout: bool
    verification: Verification
    bytes: int


class Generator:
    """The generator of a Translator, and all that an export of it needs.

    - images: two or more real ones, 1×C×H×W in [-1, 1]; without any, synthetic ones are compared.
    - what: what the images are, for people.
    """

    def __init__(self, translator: Translator, request: Request, images: Sequence[Tensor] = (), what: str = "") -> None:
        self.request, self.model = request, translator.model
        engine = translator.engine
        field = engine.fields.get("A")
        if not images:
            one_hot = field is not None and field.kind == "labels"
            images = synthetic_images(engine.channels[0], engine.sides(), one_hot=one_hot)
            what = "synthetic images"
        self.images, self.what = [image[:1] for image in images], what
        if len(self.images) == 1:
            self.images.append(self.images[0].flip(3))
        assert isinstance(engine, ModelEngine)
        engine.prepare({"A": self.images[0], "A_paths": [""]})
        self.examination = examined(self.model)
        inputs = self.examination.inputs
        nets = [
            net.module
            for name, net in {**self.model.nets, **self.model.frozen_nets}.items()
            if name in self.examination.used
        ]
        self.has_dropout = any(map(has_dropout, nets))
        self.facts = Facts(
            engine.name,
            engine.network,
            translator.origin.stored,
            channels=(engine.channels[0], self.examination.output_nc),
            output_scale=engine.output_scale,
            rule=engine.sides(),
            norm_statistics=request.statistics if any(map(has_batch_norm, nets)) else "none",
            processing=request.processing,
            inputs=inputs,
            precision=request.precision,
            parameters=sum(weights.numel() for net in nets for weights in net.parameters()),
            digest=engine.digest,
        )
        if request.processing:
            require_pixels(engine.fields, self.facts.channels, inputs)
        self.reference = in_layout(self.facts, partial(_reference, self.model, request, self.facts))

    def program(self) -> ExportedProgram:
        """The graph. Raises DataError where it cannot be traced."""
        facts = self.facts
        dtype = DTYPES[self.request.precision]
        network: nn.Module = ExportedNetwork(self.model, self.examination, self.request.statistics, dtype)
        if not self.request.processing:
            return traced(network.eval(), facts.inputs, facts.channels[0], facts.rule)
        processed = ProcessedNetwork(network, facts.rule, facts.output_scale)
        return traced_with_processing(processed.eval(), facts.channels[0])

    def cases(self) -> list[Case]:
        """What is compared."""
        return cases(self.facts, self.reference, self.images)

    def verify(self, compute: Compute) -> Verification:
        """How an export differs from PyTorch. Raises DataError where that is more than the request allows."""
        result = compare(compute, self.reference, self.cases(), self.what)
        if not result.largest <= self.request.limit:
            raise DataError(
                f"the exported generator differs from PyTorch by up to {result.largest:.4g} of 255 levels on "
                f"{self.what}, more than the {self.request.limit:g} that are allowed: nothing is written."
            )
        return result


def export_onnx(generator: Generator, path: Path) -> Exported:
    """Write an ONNX file. Raises OptionError where a library is not installed, DataError where it is not possible."""
    content, exported = onnx_content(generator, path)
    write_whole(path, content)
    return exported


def onnx_content(generator: Generator, path: Path) -> tuple[bytes, Exported]:
    """An ONNX file that was compared with PyTorch; `path` is for messages."""
    require_exporter(f"exporting {quoted(path)}")
    facts = generator.facts
    model = to_onnx(generator.program(), facts)
    if facts.precision == "int8":
        model = to_int8(
            model, (by_name(facts, image, others, IMAGE) for image, others in each_alone(facts, generator.images))
        )
    engine = OnnxEngine(whole(model), path)

    def compute(image: Tensor, others: Sequence[Tensor]) -> Tensor:
        return torch.from_numpy(engine.compute(by_name(facts, image, others, IMAGE)))

    verification = generator.verify(compute)
    facts = replace(facts, verification=verification.to_json())
    describe(model, facts)
    content = whole(model)
    return content, Exported(facts, generator.has_dropout, verification, len(content))


def export_torch(generator: Generator, path: Path) -> Exported:
    """Write a file of torch.export. Raises DataError where that is not possible."""
    facts, program = generator.facts, generator.program()
    called: Any = read_program(program_file(program, facts.to_texts())).module()
    verification = generator.verify(lambda image, others: _without_gradients(called, image, others))
    facts = replace(facts, verification=verification.to_json())
    content = program_file(program, facts.to_texts())
    write_whole(path, content)
    return Exported(facts, generator.has_dropout, verification, len(content))


def _without_gradients(called: Any, image: Tensor, others: Sequence[Tensor]) -> Tensor:
    with torch.no_grad():
        output: Tensor = called(image, *others)
        return output


def _reference(model: BaseModel[Any], request: Request, facts: Facts, A: Tensor, others: Sequence[Tensor]) -> Tensor:
    return reference_output(model, request.statistics, facts.inputs, A, others)
