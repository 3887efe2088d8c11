"""The memory of a training: an estimate before it starts, and the error message when there is too little."""

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode

from pixlate.models.base import BaseModel
from pixlate.models.batch import Batch
from pixlate.models.execution.out_of_memory import is_out_of_memory as is_out_of_memory

MIB = 1 << 20

#: The error message of a training or test that ran out of memory.
OUT_OF_MEMORY = (
    "out of memory: try a smaller --batch_size or --crop_size, --checkpoint_gradients, which recomputes instead "
    "of storing, or a smaller --ngf; `train.py --memory` lists what the memory is used for."
)


def report(model: BaseModel[Any], batch: Batch, batch_size: int = 1) -> str:
    """Lines that list the memory of a training step, in MiB: weights, optimizers, activations.

    The step is traced without computing, on images of the shape of those in `batch`: nothing is allocated, and the
    model does not change. Not listed are the program itself, the temporary buffers of convolutions and, with
    `--checkpoint_gradients`, the activations that are recomputed for one network at a time.
    """
    parameters = _size([weight for module in model.networks.values() for weight in module.parameters()])
    sizes = {
        "parameters": parameters,
        "gradients": parameters,
        "optimizer states": 2 * parameters,  # Adam's two moments
        "running averages": _size([weight for module in model.averages.values() for weight in module.parameters()]),
        "activations kept": peak_of_activations(model, batch, batch_size),
    }
    sizes["total"] = sum(sizes.values())
    lines = [f"  {name:16} {size / MIB:8,.0f} MiB" for name, size in sizes.items() if size]
    return "\n".join([f"Memory of a training step with batches of {batch_size}:", *lines])


def peak_of_activations(model: BaseModel[Any], batch: Batch, batch_size: int = 1) -> int:
    """The peak, in bytes, of the tensors that a step saves for its backward passes.

    A copy of the model on fake tensors, which have shapes but no data, takes one step.
    """
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    with FakeCopyMode(fake):
        traced = copy.deepcopy(model)  # in this mode the copies of its tensors are fake tensors
    for net in traced.nets.values():
        net.leave_uncompiled()
    # `_cdata` identifies a storage, as `data_ptr()` does for real tensors: fake ones have no data to point to.
    weights = {weight.untyped_storage()._cdata for net in traced.networks.values() for weight in net.parameters()}
    saved = _SavedBytes(weights)
    traced.update = _backward_only  # type: ignore[method-assign]
    with fake, torch.autograd.graph.saved_tensors_hooks(saved.pack, _SavedTensor.unpack):
        fake_batch = {name: _empty_like(value, batch_size, traced.device) for name, value in batch.items()}
        traced.step(traced.directed(fake_batch))
    return saved.peak


def _backward_only(names: str | Sequence[str], loss: Tensor) -> None:
    """Replaces a model's `update`: frees the saved tensors as that does, without an optimizer."""
    loss.backward()  # type: ignore[no-untyped-call]


def _empty_like(value: Any, batch_size: int, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return torch.empty((batch_size, *value.shape[1:]), dtype=value.dtype, device=device)
    return [value[0]] * batch_size if isinstance(value, list) else value


class _SavedBytes:
    """Counts the bytes of the storages that backward passes still need, each storage once.

    - weights: keys of the storages that are not counted, because the report lists them as parameters.
    """

    def __init__(self, weights: set[int]) -> None:
        self._weights = weights
        self._users: Counter[int] = Counter()
        self._bytes = self.peak = 0

    def pack(self, tensor: Tensor) -> "_SavedTensor":
        """The hook that autograd calls to save a tensor."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._weights:
            if not self._users[key]:
                self._bytes += storage.nbytes()
                self.peak = max(self.peak, self._bytes)
            self._users[key] += 1
        return _SavedTensor(self, tensor, key)

    def release(self, saved: "_SavedTensor") -> None:
        """Called when autograd releases a saved tensor."""
        if saved.key not in self._weights:
            self._users[saved.key] -= 1
            if not self._users[saved.key]:
                self._bytes -= saved.tensor.untyped_storage().nbytes()


class _SavedTensor:
    """A saved tensor; autograd releases it, and so calls `__del__`, after the backward pass that needs it."""

    def __init__(self, counter: _SavedBytes, tensor: Tensor, key: int) -> None:
        self.counter, self.tensor, self.key = counter, tensor, key

    def unpack(self) -> Tensor:
        return self.tensor

    def __del__(self) -> None:
        self.counter.release(self)


def _size(tensors: list[Tensor]) -> int:
    """Bytes of the tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
