"""The normalisation layers of a network, found where it calls torch's functions for them, and computed in their place.

Within a `NormMode` a call of `batch_norm`, `instance_norm` or `group_norm` that would take its statistics from the
input is given to the mode instead. That covers pixlate's norms, torch's and those of plugins that call the same
functions, without a change of the network, which other threads may be using: torch keeps these modes per thread.

The order of the calls is the same in every pass of a network, so that their number identifies them.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class NormCall:
    """A call of a norm that takes its statistics from the image.

    - x: the features of one image, 1×C×H×W.
    - groups: the number of groups of channels that share a mean and a variance: C for batch and instance norm.
    - weight, bias: the learnt scale and shift, C; None where there are none.
    """

    x: Tensor
    groups: int
    weight: Tensor | None
    bias: Tensor | None
    eps: float


class NormMode(TorchFunctionMode, ABC):
    """Computes the norms of one pass of a network by `norm`. An instance serves for one pass."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    @abstractmethod
    def norm(self, number: int, call: NormCall) -> Tensor:
        """The normalised features 1×C×H×W of a call, counted from 0."""

    def seen(self, name: str, arguments: Sequence[Any], settings: Mapping[str, Any], result: Any) -> None:
        """Called after every other function of torch."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        call = _norm_call(func, args, kwargs or {})
        if call is None:
            result = func(*args, **(kwargs or {}))
            self.seen(getattr(func, "__name__", str(func)), args, kwargs or {}, result)
            return result
        number = self.calls
        self.calls += 1
        return self.norm(number, call)


def _norm_call(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> NormCall | None:
    if func not in (F.batch_norm, F.instance_norm, F.group_norm):
        return None
    bound = _signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    x = given["input"]
    if x.dim() != 4 or len(x) != 1:  # several images: whether they share their statistics depends on the norm
        return None
    from_image = given.get("use_input_stats", given.get("training", True)) or given.get("running_mean", x) is None
    if not from_image:
        return None
    return NormCall(x, given.get("num_groups", x.shape[1]), given["weight"], given["bias"], given["eps"])


@lru_cache
def _signature(func: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(func)
