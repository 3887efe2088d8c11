"""The one seam through which a model calls its networks.

Precision, compilation, memory layout, gradient checkpointing and averaged weights are all applied here, so that
`module` stays the bare network whose state_dict the world knows.
"""

import copy
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pixlate.models.networks.mode import current_mode

from .plan import Execution
from .rounding import RoundedOnce


class Net:
    """A network as its model calls it: `fake_B = self.G(real_A)`."""

    def __init__(self, module: nn.Module, execution: Execution) -> None:
        self.module = module.to(execution.device)
        if execution.channels_last:
            self.module = self.module.to(memory_format=torch.channels_last)
        self.ema: nn.Module | None = None
        self._execution = execution
        self._rounded = RoundedOnce()
        self._fast = torch.compile(self.module, dynamic=False) if execution.compiled else self.module
        self.per_sample = not any(_mixes_images(part) for part in module.modules())
        self._draws = any(isinstance(part, nn.modules.dropout._DropoutNd) and part.p for part in module.modules())

    def __call__(self, *inputs: Tensor, **settings: Any) -> Any:
        """The network's output, in the inputs' own precision whatever it was computed in.

        `settings` are passed to the network's forward as they are: `layers=(0, 4)`, say, where it gives features.
        """
        network = self._network()
        with self._arithmetic():
            if self._execution.channels_last:
                inputs = tuple(_channels_last(x) for x in inputs)
            if self._execution.checkpointed and torch.is_grad_enabled():
                again = self._recomputing
                output = checkpoint(network, *inputs, use_reentrant=False, context_fn=again, **settings)
            else:
                output = network(*inputs, **settings)
        return _as(output, inputs[0].dtype)

    def each(self, *images: Tensor) -> tuple[Tensor, ...]:
        """The outputs for several inputs of N×C×H×W: one batched call where that is the same mathematics."""
        if self.batchable and len({image.shape[1:] for image in images}) == 1:
            outputs: tuple[Tensor, ...] = self(torch.cat(images)).split([len(x) for x in images])
            return outputs
        return tuple(self(image) for image in images)

    @property
    def batchable(self) -> bool:
        """Whether images of one batch do not influence each other: per-sample norms only, and no dropout."""
        return self.per_sample and not (self._draws and self.module.training)

    def exactly(self, *inputs: Tensor) -> Any:
        """The plain network, uncompiled and in its weights' precision: for gradients of gradients."""
        return self.module(*inputs)

    def leave_uncompiled(self) -> None:
        """Run the network as it is written from now on."""
        self._fast = self.module

    def start_average(self) -> None:
        """Begin an exponential moving average with the weights as they are."""
        self.ema = copy.deepcopy(self.module).requires_grad_(False)

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the average towards the weights: ema = decay * ema + (1 - decay) * weights; buffers are copied."""
        if self.ema is None:
            return
        averages = [average.data for average in self.ema.parameters()]
        torch._foreach_lerp_(averages, [weight.data for weight in self.module.parameters()], 1 - decay)
        for average, buffer in zip(self.ema.buffers(), self.module.buffers(), strict=True):
            average.copy_(buffer)

    def _network(self) -> Any:
        if current_mode() is None:
            return self._fast
        module = self.module if self.ema is None else self.ema
        if self._execution.dtype is None or self._execution.train:
            return module
        return self._rounded.of(module, self._execution.dtype)

    def _recomputing(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """Contexts of the first pass and of its repetition, which must not count in running statistics again."""
        return nullcontext(), _statistics_held(self.module)

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        with ExitStack() as stack:
            if self._execution.dtype is not None:
                stack.enter_context(torch.autocast(self._execution.device.type, self._execution.dtype))
            yield


def _mixes_images(part: nn.Module) -> bool:
    return not getattr(part, "per_sample", not isinstance(part, nn.modules.batchnorm._BatchNorm))


@contextmanager
def _statistics_held(module: nn.Module) -> Iterator[None]:
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, before in buffers:
            buffer.copy_(before)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def _as(output: Any, dtype: torch.dtype) -> Any:
    if isinstance(output, Tensor):
        return output.to(dtype)
    return [_as(part, dtype) for part in output]


@contextmanager
def frozen(*nets: Net) -> Iterator[None]:
    """Within this block the networks' weights need no gradient, which saves computing it."""
    weights = [weight for net in nets for weight in net.module.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


@contextmanager
def in_full_precision(nets: Iterable[Net]) -> Iterator[None]:
    """Within this block the networks compute in their weights' precision, whatever `--precision` says."""
    kept = [(net, net._execution) for net in nets]
    for net, execution in kept:
        net._execution = replace(execution, dtype=None)
    try:
        yield
    finally:
        for net, execution in kept:
            net._execution = execution
