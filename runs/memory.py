"""How much memory a training takes: an estimate before it starts, and what to do where it did not suffice."""

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode

from pixlate.models.base import BaseModel, Batch

MIB = 1 << 20

#: The sentence for a training or test that ran out of memory.
OUT_OF_MEMORY = (
    "memory is used up: try a smaller --batch_size or --crop_size, --checkpoint_gradients, which recomputes instead "
    "of storing, or a smaller --ngf; `train.py --memory` says what takes how much."
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, on a GPU or on the processor."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and (
        "DefaultCPUAllocator" in said or "not enough memory" in said or "Cannot allocate memory" in said
    )


def report(model: BaseModel[Any], batch: Batch, batch_size: int = 1) -> str:
    """Lines that say what a training step takes: weights, optimizers, activations.

    The step is gone through without computing, on images shaped like the first of `batch`: nothing is allocated
    and the model stays as it is. Beside what is listed stand the program itself and, for a time, the working
    memory of the convolutions; with recomputed activations also those of one network at a time.
    """
    parameters = _size([weight for module in model.networks.values() for weight in module.parameters()])
    parts = {
        "parameters": parameters,
        "gradients": parameters,
        "optimizer states": 2 * parameters,
        "running averages": _size([weight for module in model.averages.values() for weight in module.parameters()]),
        "activations kept": peak_of_activations(model, batch, batch_size),
    }
    parts["together"] = sum(parts.values())
    lines = [f"  {name:16} {taken / MIB:8,.0f} MiB" for name, taken in parts.items() if taken]
    return "\n".join([f"Memory of a training step with batches of {batch_size}:", *lines])


def peak_of_activations(model: BaseModel[Any], batch: Batch, batch_size: int = 1) -> int:
    """The most bytes that a step keeps at one time for its backward passes."""
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    with FakeCopyMode(fake):
        walked = copy.deepcopy(model)
    for net in walked.nets.values():
        net.leave_uncompiled()
    held = _Held({weight.untyped_storage()._cdata for net in walked.networks.values() for weight in net.parameters()})
    walked.update = _backward_alone  # type: ignore[method-assign]
    with fake, torch.autograd.graph.saved_tensors_hooks(held.pack, _Kept.tensor):
        given = {name: _blank(x, batch_size, walked.device) for name, x in batch.items()}
        walked.step(walked.directed(given))
    return held.most


def _backward_alone(names: str | Sequence[str], loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]


def _blank(value: Any, batch_size: int, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return torch.empty((batch_size, *value.shape[1:]), dtype=value.dtype, device=device)
    return [value[0]] * batch_size if isinstance(value, list) else value


class _Held:
    """Counts the storages that backward passes still need, each once."""

    def __init__(self, weights: set[int]) -> None:
        self._weights = weights
        self._users: Counter[int] = Counter()
        self._bytes = self.most = 0

    def pack(self, tensor: Tensor) -> "_Kept":
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._weights:
            if not self._users[key]:
                self._bytes += storage.nbytes()
                self.most = max(self.most, self._bytes)
            self._users[key] += 1
        return _Kept(self, tensor, key)

    def release(self, kept: "_Kept") -> None:
        if kept.key not in self._weights:
            self._users[kept.key] -= 1
            if not self._users[kept.key]:
                self._bytes -= kept.held.untyped_storage().nbytes()


class _Kept:
    """A tensor on its way to a backward pass, which is let go of after it."""

    def __init__(self, ledger: _Held, held: Tensor, key: int) -> None:
        self.ledger, self.held, self.key = ledger, held, key

    def tensor(self) -> Tensor:
        return self.held

    def __del__(self) -> None:
        self.ledger.release(self)


def _size(tensors: list[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
