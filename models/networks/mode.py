"""How networks behave while they translate images rather than learn.

Whoever translates says so for a block of code, and the norms and dropouts inside obey. Nothing on the modules
changes, so that two threads can translate with the same network, each in its own way, while a third trains
it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch


@dataclass(frozen=True)
class InferenceMode:
    """Where batch norms take their statistics from, and where dropout takes its noise from.

    - statistics: "image" normalises each image by its own statistics, as the pix2pix paper does at test
      time; "running" by the averages gathered in training.
    - noise: one generator (on the CPU) for each image of the batch, so that an image's noise depends
      neither on its neighbours nor on the device; None turns dropout off.
    """

    __test__: ClassVar[bool] = False

    statistics: Literal["image", "running"] = "image"
    noise: Sequence[torch.Generator] | None = None


_mode: ContextVar[InferenceMode | None] = ContextVar("pixlate_test_mode", default=None)


@contextmanager
def set_inference_mode(mode: InferenceMode) -> Iterator[None]:
    """Within this block, and in this thread alone, norms and dropouts behave as `mode` says."""
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


def current_mode() -> InferenceMode | None:
    """The mode in force here; None in training, and under torch.compile, whose graphs cannot depend on it."""
    return None if torch.compiler.is_compiling() else _mode.get()
