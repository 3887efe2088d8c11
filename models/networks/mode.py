"""How networks behave while they translate pictures rather than learn.

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
class TestMode:
    """Where batch norms take their statistics from, and where dropout takes its noise from.

    - statistics: "picture" normalises each picture by its own statistics, as the pix2pix paper does at test
      time; "running" by the averages gathered in training.
    - noise: one generator (on the CPU) for each picture of the batch, so that a picture's noise depends
      neither on its neighbours nor on the device; None turns dropout off.
    """

    __test__: ClassVar[bool] = False

    statistics: Literal["picture", "running"] = "picture"
    noise: Sequence[torch.Generator] | None = None


_mode: ContextVar[TestMode | None] = ContextVar("pixlate_test_mode", default=None)


@contextmanager
def test_mode(mode: TestMode) -> Iterator[None]:
    """Within this block, and in this thread alone, norms and dropouts behave as `mode` says."""
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


def current_mode() -> TestMode | None:
    """The mode in force here; None in training, and under torch.compile, whose graphs cannot depend on it."""
    return None if torch.compiler.is_compiling() else _mode.get()
