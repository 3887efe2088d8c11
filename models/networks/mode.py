"""The inference mode: how norms and dropout behave while a network translates images.

It is set for a block of code, and read by the layers that are called in it. torch's `module.eval()` would change the
modules instead, and with them the training of the same network in another thread.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal

import torch


@dataclass(frozen=True)
class InferenceMode:
    """The source of batch norm's statistics and of dropout's masks.

    - statistics: "image" normalises each image by its own statistics, as pix2pix does at test time (section 3.3 of
      the paper); "running" normalises by the running averages of training.
    - noise: a CPU generator for each image of the batch, so that what is drawn for an image depends neither on the
      other images nor on the device; None where nothing is drawn.
    - dropout: whether dropout draws its masks from `noise`; otherwise it is off.
    """

    statistics: Literal["image", "running"] = "image"
    noise: Sequence[torch.Generator] | None = None
    dropout: bool = True


# A ContextVar, because layers deep inside a network need the mode and their `forward` signatures are torch's; it is
# separate for each thread and asyncio task, which makes translation re-entrant.
_mode: ContextVar[InferenceMode | None] = ContextVar("pixlate_inference_mode", default=None)
_dropout_off: ContextVar[bool] = ContextVar("pixlate_dropout_off", default=False)


@contextmanager
def set_inference_mode(mode: InferenceMode) -> Iterator[None]:
    """Within this block, and in this thread alone, norms and dropout follow `mode`."""
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


@contextmanager
def without_dropout() -> Iterator[None]:
    """Within this block, and in this thread alone, dropout is off in every inference mode, as tiles need it."""
    token = _dropout_off.set(True)
    try:
        yield
    finally:
        _dropout_off.reset(token)


def current_mode() -> InferenceMode | None:
    """The current mode; None in training, and under torch.compile, whose graphs cannot depend on it."""
    if torch.compiler.is_compiling():
        return None
    mode = _mode.get()
    return replace(mode, dropout=False) if mode is not None and _dropout_off.get() else mode
