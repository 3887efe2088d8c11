"""How a model calls its networks: `Net` wraps a bare module and applies the model's execution to each call.

Precision, compilation, memory layout, gradient checkpointing and averaged weights are applied here, so that the module
inside stays a bare network whose state_dict is compatible with the reference's checkpoint files.
"""

import copy
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pixlate.models.networks.convolutions import InnerConv2d, InnerConvTranspose2d, NarrowConv2d
from pixlate.models.networks.mode import current_mode

from .evaluation import evaluation_view
from .nested import map_tensors, split_batch, tensors_in
from .plan import Execution

#: Layers that use their weights as they are. Subclasses and parametrised layers (with spectral norm, for instance) may
#: compute their weights from other tensors first, which must be done in full precision.
_PLAIN_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d, InnerConv2d, InnerConvTranspose2d, NarrowConv2d)


class Net:
    """A network as its model calls it: `fake_B = self.G(real_A)`.

    - module: the bare network.
    - trained: False for a frozen network: in evaluation mode, without gradients of its weights.
    - ema: its averaged copy, None until `start_average` is called.
    - per_sample: whether its norms treat the images of a batch independently.
    """

    def __init__(self, module: nn.Module, execution: Execution, *, trained: bool = True) -> None:
        self.module = module.to(execution.device).train(trained)
        self.trained = trained
        if not trained:
            self.module.requires_grad_(False)
        if execution.channels_last:
            self.module = self.module.to(memory_format=torch.channels_last)
        self.ema: nn.Module | None = None
        self._execution = execution
        self._rounded = RoundedCopy()
        # With dynamic shapes, compiled code is not reproducible from run to run, and resuming would not be exact.
        self._called = torch.compile(self.module, dynamic=False) if execution.compiled else self.module
        self.per_sample = not any(_mixes_images(part) for part in module.modules())
        self._has_dropout = any(isinstance(part, nn.modules.dropout._DropoutNd) and part.p for part in module.modules())

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """The network's output: a tensor, or tensors in lists, tuples and dicts.

        - inputs: tensors, which may lie in lists, tuples and dicts too.
        - settings: further arguments of the network's forward, such as a condition, or `layers=(0, 4)` if it can
          return features.

        Floating-point tensors of the output have the dtype of the first floating-point input (of the weights where
        there is none); others keep theirs.
        """
        network = self._network()
        floating = next((x.dtype for x in tensors_in((inputs, settings)) if x.is_floating_point()), None)
        weights = next((w.dtype for w in self.module.parameters() if w.is_floating_point()), torch.float32)
        if not self.trained:  # its precision is its own: a model may be converted to float64, and it is not part of it
            inputs, settings = map_tensors(lambda x: _to_dtype(x, weights), (inputs, settings))
        with self._autocast():
            if self._execution.channels_last:
                inputs = map_tensors(_channels_last, inputs)
            # Only the non-reentrant variant allows inputs without gradients, such as real images.
            if self._execution.checkpointed and torch.is_grad_enabled():
                contexts = self._recomputation_contexts
                output = checkpoint(network, *inputs, use_reentrant=False, context_fn=contexts, **settings)
            else:
                output = network(*inputs, **settings)
        return map_tensors(lambda x: _to_dtype(x, floating or weights), output)

    def each(self, *inputs: Tensor) -> tuple[Any, ...]:
        """The outputs for several N×C×H×W inputs, in one batched call if that is mathematically the same."""
        if self.batchable and len({x.shape[1:] for x in inputs}) == 1:
            outputs = split_batch(self(torch.cat(inputs)), [len(x) for x in inputs])
            if outputs is not None:
                return tuple(outputs)
        return tuple(self(x) for x in inputs)

    @property
    def batchable(self) -> bool:
        """Whether a batched call equals separate calls: norms are per-sample, and no dropout draws random masks."""
        return self.per_sample and not (self._has_dropout and self.module.training)

    def uncompiled(self, *inputs: Tensor) -> Any:
        """The output of the bare network, uncompiled and without autocast, as second derivatives require."""
        return self.module(*inputs)

    def leave_uncompiled(self) -> None:
        """Call the bare network from now on; the estimate of memory use, for instance, cannot run compiled code."""
        self._called = self.module

    def start_average(self) -> None:
        """Start the exponential moving average from the current weights."""
        # The older spectral_norm keeps the weight that it computed, which is no leaf and cannot be copied otherwise.
        computed = [x for part in self.module.modules() for x in vars(part).values() if isinstance(x, Tensor)]
        copies = {id(x): x.detach().clone() for x in computed if not x.is_leaf}
        self.ema = copy.deepcopy(self.module, copies).requires_grad_(False)

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Update the average: ema = decay * ema + (1 - decay) * weights. Buffers are copied."""
        if self.ema is None:
            return
        averages = [average.data for average in self.ema.parameters()]
        torch._foreach_lerp_(averages, [weight.data for weight in self.module.parameters()], 1 - decay)
        # Buffers: running statistics are averages already, and counters are integers.
        for average, buffer in zip(self.ema.buffers(), self.module.buffers(), strict=True):
            average.copy_(buffer)

    def _network(self) -> Any:
        if current_mode() is None:
            return self._called
        # Inference is uncompiled: a compiled graph cannot depend on the inference mode.
        module = self.module if self.ema is None else self.ema
        # In training a rounded copy would have to be renewed after every step.
        if self._execution.dtype is not None and not self._execution.train:
            module = self._rounded.of(module, self._execution.dtype)
        return evaluation_view(module)

    def _recomputation_contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """Contexts of the forward pass and of its recomputation, which must not update running statistics again."""
        return nullcontext(), _buffers_restored(self.module)

    def _autocast(self) -> AbstractContextManager[Any]:
        execution = self._execution
        return nullcontext() if execution.dtype is None else torch.autocast(execution.device.type, execution.dtype)


class RoundedCopy:
    """A copy of a network whose convolutions have 16-bit weights, for models built for inference.

    Autocast gives the same output, bit for bit, but rounds all weights again for every image: a U-Net has 54 million,
    and rounding them takes longer than the inner half of its convolutions. The copy is renewed when weights change.
    """

    def __init__(self) -> None:
        #: What was copied, and the copy. One tuple, so that no thread sees the one without the other.
        self._current: tuple[object, nn.Module] | None = None

    def of(self, module: nn.Module, dtype: torch.dtype) -> nn.Module:
        """The copy of a module, its convolutions in autocast's dtype."""
        # A change in place increments a tensor's version (of which torch has no public accessor); a replaced tensor has
        # another address.
        source = (module, dtype, [(weight.data_ptr(), weight._version) for weight in module.parameters()])
        current = self._current
        if current is None or current[0] != source:
            rounded = copy.deepcopy(module)
            for part in rounded.modules():
                if type(part) in _PLAIN_CONVOLUTIONS and not part._forward_pre_hooks:
                    part.to(dtype)
            current = self._current = source, rounded
        return current[1]


def _mixes_images(part: nn.Module) -> bool:
    # Norms declare it by their attribute `per_sample`; of modules without it, only torch's batch norms mix images.
    return not getattr(part, "per_sample", not isinstance(part, nn.modules.batchnorm._BatchNorm))


@contextmanager
def _buffers_restored(module: nn.Module) -> Iterator[None]:
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, before in buffers:
            buffer.copy_(before)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def _to_dtype(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype) if x.is_floating_point() else x


@contextmanager
def frozen(*nets: Net) -> Iterator[None]:
    """Within this block no gradients of the networks' weights are computed, as for the discriminators in G's loss."""
    weights = [weight for net in nets for weight in net.module.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:  # only those that required gradients before: a plugin may have frozen others for good
            weight.requires_grad_(True)


@contextmanager
def in_full_precision(nets: Iterable[Net]) -> Iterator[None]:
    """Within this block the networks compute in their weights' precision, whatever `--precision` is."""
    executions = [(net, net._execution) for net in nets]
    for net, execution in executions:
        net._execution = replace(execution, dtype=None)
    try:
        yield
    finally:
        for net, execution in executions:
            net._execution = execution
