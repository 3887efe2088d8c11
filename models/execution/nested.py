"""Values of networks that hold several tensors, in lists, tuples and dicts, at any depth."""

import itertools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor


def map_tensors(function: Callable[[Tensor], Any], value: Any) -> Any:
    """The value with every tensor replaced by `function` of it; numbers, None and other objects stay as they are."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(function, part) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple
        return type(value)(*(map_tensors(function, part) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(function, part) for part in value)
    return value


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in a value."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)


def split_batch(value: Any, sizes: Sequence[int]) -> list[Any] | None:
    """The values of several batches that were computed as one.

    - sizes: the number of samples in each; they are the first dimension of every tensor.

    None where a tensor has no such dimension.
    """
    if any(part.dim() == 0 or len(part) != sum(sizes) for part in tensors_in(value)):
        return None
    ends = itertools.accumulate(sizes)
    return [
        map_tensors(operator.itemgetter(slice(end - size, end)), value) for size, end in zip(sizes, ends, strict=True)
    ]
