"""The network that is exported: what a model computes from its inputs, as one module without modes and randomness."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pixlate.inference.exported import FurtherInput
from pixlate.models.base import BaseModel
from pixlate.models.execution.net import Net
from pixlate.models.execution.plan import Execution
from pixlate.models.networks.mode import InferenceMode, set_inference_mode

from .inputs import Examination, values_by_name
from .layers import Statistics, compute_in, exportable


class ExportedNetwork(nn.Module):
    """The translated image, N×C×H×W in [-1, 1], of A, N×C×H×W in [-1, 1], and of the further inputs of a model.

    - model: created with train=False, its weights loaded; averaged weights are used if it has them.
    - examination: what the model takes beside A, and the networks that it calls.
    - statistics: of batch norm. Dropout is off.
    - dtype: of the weights; inputs and outputs are float32 in any case.
    """

    def __init__(
        self,
        model: BaseModel[Any],
        examination: Examination,
        statistics: Statistics = "image",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.inputs, self.dtype = examination.inputs, dtype
        nets = {name: net for name, net in {**model.nets, **model.frozen_nets}.items() if name in examination.used}
        modules = {name: exportable(net.ema or net.module, statistics) for name, net in nets.items()}
        for module in modules.values():
            compute_in(module, dtype)
        # Registered here, so that the weights are parameters of this module; the model calls the same objects.
        self.networks = nn.ModuleList(modules.values())
        self._model = with_networks(model, {id(net): _fixed(net, modules[name]) for name, net in nets.items()})

    def forward(self, A: Tensor, *others: Tensor) -> Tensor:
        further = [x.to(self.dtype) if x.is_floating_point() else x for x in others]
        with noise_from_inputs(self._model, self.inputs, further) as model:
            y = model.output({"A": A.to(self.dtype), **values_by_name(self.inputs, further)})
        return y.float()


def reference_output(
    model: BaseModel[Any], statistics: Statistics, inputs: Sequence[FurtherInput], A: Tensor, others: Sequence[Tensor]
) -> Tensor:
    """What an export must reproduce: the output that pixlate itself computes, without dropout."""
    with torch.no_grad(), noise_from_inputs(model, inputs, others) as bound:
        batch = bound.directed({"A": A, **values_by_name(inputs, others)})
        with set_inference_mode(InferenceMode(statistics, dropout=False)):
            return bound.output(batch)


@contextmanager
def noise_from_inputs(
    model: BaseModel[Any], inputs: Sequence[FurtherInput], values: Sequence[Tensor]
) -> Iterator[BaseModel[Any]]:
    """A copy of a model whose `noise` returns the values of its inputs of noise, one after the other."""
    noises = iter([value for each, value in zip(inputs, values, strict=True) if each.kind == "noise"])
    bound = copy.copy(model)
    bound.noise = lambda batch, *shape: next(noises)  # type: ignore[method-assign]
    yield bound


def with_networks(model: BaseModel[Any], nets: Mapping[int, Net]) -> BaseModel[Any]:
    """A copy of a model that calls other networks.

    - nets: the network in place of each, by the id of its Net; also of those in lists and dicts of the model.
    """
    copied = copy.copy(model)
    vars(copied).update({name: _exchanged(value, nets) for name, value in vars(model).items()})
    return copied


def _exchanged(value: Any, nets: Mapping[int, Net]) -> Any:
    if isinstance(value, Net):
        return nets.get(id(value), value)
    if type(value) is dict:
        return {name: _exchanged(part, nets) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_exchanged(part, nets) for part in value)
    return value


def _fixed(net: Net, module: nn.Module) -> Net:
    """A Net that calls a module as it is: uncompiled, without autocast."""
    fixed = copy.copy(net)
    fixed.module = fixed._called = module
    fixed.ema = None
    fixed._execution = Execution(torch.device("cpu"), train=False)
    return fixed
