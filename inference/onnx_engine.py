"""A generator in an ONNX file, computed by ONNX Runtime."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixlate.errors import CheckpointError, DataError, OptionError
from pixlate.models.batch import generators
from pixlate.plugins.field import Field
from pixlate.util.foreign import foreign, open_file, reason
from pixlate.util.optional import require_extra
from pixlate.util.sizes import SideRule
from pixlate.util.text import quoted

from .exported import Facts

EXTRA = "export"
IMAGE = "input"  # the name of the image among the inputs of the file
#: Operators of the ONNX standard. ONNX Runtime's own ones, and those of other libraries, are refused.
STANDARD = ("", "ai.onnx")
MAX_BYTES = 2**31 - 1  # of a protobuf message


def onnx_engine(path: Path, device: str = "auto") -> "OnnxEngine":
    """The generator in a file of `pixlate export`.

    - device: auto, cpu, or cuda with the package onnxruntime-gpu.

    The file must hold all of its weights, and operators of the ONNX standard alone: nothing else is read. Raises
    CheckpointError for other files, OptionError where onnx or onnxruntime is not installed, and for a device that this
    installation of ONNX Runtime lacks.
    """
    require_onnx(f"loading {quoted(path)}")
    return OnnxEngine(_content(path), path, device)


def require_onnx(what: str) -> None:
    """Raise OptionError where a library of ONNX is not installed; `what` needs it."""
    for module in ("onnx", "onnxruntime"):
        require_extra(module, EXTRA, what)


class OnnxEngine:
    """Translates batches by the content of an ONNX file, in this process; `path` is for messages."""

    def __init__(self, content: bytes, path: Path, device: str = "auto") -> None:
        self.facts = _facts(content, path)
        self._session, self.device = _session(content, path, device)

    @property
    def name(self) -> str:
        return f"{self.facts.name} as ONNX"

    @property
    def network(self) -> str:
        return self.facts.network

    @property
    def fields(self) -> Mapping[str, Field]:
        return self.facts.fields

    @property
    def channels(self) -> tuple[int, int]:
        return self.facts.channels

    @property
    def output_scale(self) -> int | Fraction:
        return self.facts.output_scale

    @property
    def parameters(self) -> int:
        return self.facts.parameters

    @property
    def digest(self) -> str:
        return self.facts.digest

    def sides(self) -> SideRule:
        return SideRule() if self.facts.processing else self.facts.rule

    def prepare(self, batch: Mapping[str, Any]) -> None:
        pass

    def run(self, batch: Mapping[str, Any]) -> Tensor:
        A = batch["A"].detach().cpu().float()
        image = levels_of(A) if self.facts.processing else np.ascontiguousarray(A.numpy())
        output = self.compute({IMAGE: image, **further_values(self.facts, batch)})
        if not self.facts.processing:
            return torch.from_numpy(output)
        # The middle of what is truncated to a level: the level itself could become the next lower one by rounding.
        y = (torch.from_numpy(output).permute(0, 3, 1, 2).float() + 0.5) / 255 * 2 - 1
        return y.clamp(-1, 1)

    def compute(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The output of the file itself. Raises DataError where ONNX Runtime refuses the inputs."""
        with foreign(lambda problem: DataError(f"ONNX Runtime cannot compute the image: {problem}.")):
            output: NDArray[Any] = self._session.run(None, dict(inputs))[0]
            return output


def further_values(facts: Facts, batch: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The values of the inputs beside the image; noise that the batch lacks is drawn as the model itself draws it.

    Raises DataError for one that is missing.
    """
    seed = facts.stored.options.get("seed")
    drawn = generators(batch, seed if isinstance(seed, int) else 0)
    height, width = batch["A"].shape[-2:]
    values = {}
    for each in facts.inputs:
        value = batch.get(each.name)
        if value is None and each.kind != "noise":
            raise DataError(
                f"the exported model needs '{each.name}' beside the image: translate(image, {each.name}=…)."
            )
        if value is None:
            shape = [{"height": height, "width": width}.get(str(side), side) for side in each.shape]
            value = torch.stack([torch.randn(*map(int, shape), generator=generator) for generator in drawn])
        dtype = torch.int64 if each.kind == "category" else torch.float32
        values[each.name] = np.ascontiguousarray(torch.as_tensor(value).detach().cpu().to(dtype).numpy())
    return values


def levels_of(A: Tensor) -> NDArray[np.uint8]:
    """N×C×H×W in [-1, 1] as pixels N×H×W×C."""
    levels: NDArray[np.uint8] = ((A + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return np.ascontiguousarray(levels)


def _content(path: Path) -> bytes:
    try:
        with open_file(path) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"{quoted(path)} cannot be read: {reason(error)}.") from error
    if len(content) > MAX_BYTES:
        raise CheckpointError(f"{quoted(path)} is larger than 2 GiB, which no ONNX file is that holds its weights.")
    return content


def _facts(content: bytes, path: Path) -> Facts:
    """What the file says of itself. Raises CheckpointError for a file that refers to others, or is none of pixlate."""
    import onnx

    with foreign(lambda problem: CheckpointError(f"{quoted(path)} is no ONNX file of pixlate: {problem}.")):
        model = onnx.load_model_from_string(content)
        parts = list(_messages(model))
        domains = {part.domain for part in parts if isinstance(part, onnx.NodeProto)}
        strange = sorted(domains.difference(STANDARD))
        if strange or len(model.functions):
            which = ", ".join(strange) or "functions of its own"
            raise CheckpointError(f"{quoted(path)} has operators that are not of the ONNX standard: {which}.")
        tensors = [part for part in parts if isinstance(part, onnx.TensorProto)]
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data for tensor in tensors):
            raise CheckpointError(f"{quoted(path)} keeps weights in other files, which are not read.")
        texts = {entry.key: entry.value for entry in model.metadata_props}
        if "pixlate" not in texts:
            raise CheckpointError(f"{quoted(path)} was not written by pixlate export: what its values mean is unknown.")
        return Facts.from_texts(texts)


def _messages(message: Any) -> Iterator[Any]:
    """A message and all that lie in it, whatever part of the format they belong to."""
    yield message
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for inner in value if isinstance(value, Sequence) or hasattr(value, "append") else [value]:
                yield from _messages(inner)


def _session(content: bytes, path: Path, device: str) -> tuple[Any, str]:
    import onnxruntime

    available = onnxruntime.get_available_providers()
    has_cuda = "CUDAExecutionProvider" in available
    if device.partition(":")[0] not in ("auto", "cpu", "cuda") or (device.startswith("cuda") and not has_cuda):
        known = "auto, cpu, cuda" if has_cuda else "auto, cpu"
        raise OptionError(f"device '{device}' is not one that this ONNX Runtime has: {known}.")
    on_cuda = has_cuda and device != "cpu"
    number = device.partition(":")[2] or "0"
    providers: list[Any] = [("CUDAExecutionProvider", {"device_id": number})] if on_cuda else []
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors alone
    with foreign(lambda problem: CheckpointError(f"{quoted(path)} cannot be computed by ONNX Runtime: {problem}.")):
        # Its fallback to another provider prints on stdout, which may be the image's alone.
        session = onnxruntime.InferenceSession(
            content, options, [*providers, "CPUExecutionProvider"], enable_fallback=0
        )
        names = {each.name for each in session.get_inputs()}
        if IMAGE not in names or len(session.get_outputs()) != 1:
            raise ValueError(f"it has inputs {', '.join(sorted(names))}")
    return session, f"cuda:{number}" if on_cuda else "cpu"
