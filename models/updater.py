"""Optimizer updates: backward pass, accumulation, protection against non-finite gradients, clipping, the step."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


@dataclass
class Group:
    """A step's position in a group of batches whose gradients are accumulated for one update.

    - size: the number of batches in the group.
    - last: whether this step is the group's last, after which the update is applied.
    """

    size: int = 1
    last: bool = True


class Updater:
    """Backpropagates losses and steps optimizers, in the same way for all optimizers of a model.

    - scaled: whether losses are scaled against underflow, as fp16 requires.
    - clip_grad: the largest allowed norm of the gradients; 0 is no limit.

    An optimizer may be updated several times in a step. With accumulated gradients, the first updates of all batches of
    a group are one, so are the second ones, and so on: the gradients of each are kept apart until the last batch.

    With fused optimizers, an update does not synchronise with the device: the number of skipped updates is a tensor,
    which is read only when losses are logged.
    """

    def __init__(self, device: torch.device, *, scaled: bool, clip_grad: float) -> None:
        self.scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        self.clip_grad = clip_grad
        self.skipped = torch.zeros((), device=device)
        self.group = Group()
        self._updates: Counter[Optimizer] = Counter()  # of each optimizer, in this step
        self._selected: dict[Optimizer, int] = {}  # the number of the update that the present gradients belong to
        self._kept: dict[tuple[Optimizer, int], list[Tensor | None]] = {}  # those of its other updates
        self._unscaled: list[SimpleNamespace] = []  # what the scaler has seen since its last update

    def update(self, optimizers: Sequence[Optimizer], loss: Tensor) -> None:
        """Accumulate the loss's gradients; in the last step of a group, apply and clear them.

        Optimizers that share a loss share the norm by which their gradients are clipped. An update with a NaN or
        infinite gradient is skipped: weights and moments stay as they were.
        """
        for optimizer in optimizers:
            self._select_gradients(optimizer, self._updates[optimizer])
            self._updates[optimizer] += 1
        # Losses are means over a batch. Divided by the group's size, their gradients add up to the gradient of the mean
        # over one large batch.
        self.scaler.scale(loss / self.group.size if self.group.size > 1 else loss).backward()  # type: ignore[no-untyped-call]
        if self.group.last:
            self._apply(optimizers)
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)

    def step_ended(self) -> None:
        """Prepare the next step, and after the last batch of a group adapt the loss scale.

        The scale must not change between the backward passes of a group, whose gradients are added.
        """
        self._updates.clear()
        if not self.group.last:
            return
        self._selected.clear()
        self._kept.clear()
        if self._unscaled:
            self.scaler.update()
            self._unscaled.clear()

    def _select_gradients(self, optimizer: Optimizer, number: int) -> None:
        """Give the weights the gradients accumulated for an optimizer's update of this number in a step."""
        selected = self._selected.get(optimizer, 0)
        if number == selected:
            return
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        self._kept[optimizer, selected] = [weight.grad for weight in weights]
        for weight, gradient in zip(weights, self._kept.pop((optimizer, number), [None] * len(weights)), strict=True):
            weight.grad = gradient
        self._selected[optimizer] = number

    def take_skipped(self) -> int:
        """Return the number of updates skipped since the last call, and reset it; synchronises with the device."""
        count = int(self.skipped)
        self.skipped.zero_()
        return count

    def state_dict(self) -> dict[str, Any]:
        """The loss scale and the number of skipped updates."""
        return {"scaler": self.scaler.state_dict(), "skipped": int(self.skipped)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.skipped.fill_(state["skipped"])

    def _apply(self, optimizers: Sequence[Optimizer]) -> None:
        optimizers = [optimizer for optimizer in optimizers if _weights(optimizer)]
        weights = [w for optimizer in optimizers for w in _weights(optimizer)]
        if not weights:
            return
        if self.scaler.is_enabled():
            for optimizer in optimizers:
                # Also records for `scaler.update` whether a gradient is not finite. Once for each optimizer, says
                # GradScaler; an optimizer that is updated again in this step is another one to it.
                self._unscaled.append(SimpleNamespace(param_groups=optimizer.param_groups))
                self.scaler.unscale_(self._unscaled[-1])  # type: ignore[arg-type]
        norm = nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None], foreach=True)
        if self.clip_grad:
            nn.utils.clip_grads_with_norm_(weights, self.clip_grad, norm, foreach=True)
        # The norm is finite only if every gradient is, so that one number decides for all weights.
        non_finite = (~norm.isfinite()).to(torch.float32)
        self.skipped += non_finite
        # Not `scaler.step`, which decides for each optimizer by itself: clipping by a norm that is not finite has
        # spoilt the gradients of all of them.
        for optimizer in optimizers:
            step_unless(optimizer, non_finite)


def _weights(optimizer: Optimizer) -> list[Tensor]:
    """An optimizer's weights that have a gradient."""
    return [w for group in optimizer.param_groups for w in group["params"] if w.grad is not None]


def step_unless(optimizer: Optimizer, non_finite: Tensor) -> None:
    """Step an optimizer, unless the scalar tensor `non_finite` is 1."""
    if getattr(optimizer, "_step_supports_amp_scaling", False):
        # Fused optimizers read GradScaler's flag inside their kernel, so that the CPU need not wait for its value.
        optimizer.found_inf = non_finite.to(torch.float32)  # type: ignore[attr-defined]
        optimizer.grad_scale = None  # type: ignore[attr-defined]
        optimizer.step()
        del optimizer.found_inf, optimizer.grad_scale  # type: ignore[attr-defined]
    elif not non_finite:  # waits for the device
        optimizer.step()
