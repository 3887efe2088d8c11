"""Optimizer updates: backward pass, accumulation, protection against non-finite gradients, clipping, the step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


@dataclass
class Group:
    """A step's position among the batches whose gradients are accumulated for one update.

    - size: batches in the group; last: whether this step completes it, so that the update is applied.
    """

    size: int = 1
    last: bool = True


class Updater:
    """Backpropagates losses and steps optimizers, in the same way for all optimizers of a model.

    - scaled: whether losses are scaled against underflow, as fp16 needs; clip_grad: the largest norm of the
      gradients, 0 for no limit.

    Nothing here synchronises with the device: the count of skipped updates is a tensor, read only when losses are
    logged.
    """

    def __init__(self, device: torch.device, *, scaled: bool, clip_grad: float) -> None:
        self.scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        self.clip_grad = clip_grad
        self.skipped = torch.zeros((), device=device)
        self.group = Group()

    def update(self, optimizers: Sequence[Optimizer], loss: Tensor) -> None:
        """Accumulate the loss's gradients; in the last step of a group, apply and clear them.

        Optimizers that share a loss share the norm by which their gradients are clipped. An update with a NaN or
        infinite gradient is skipped: weights and moments stay as they were.
        """
        # Dividing by the group's size makes the sum of the gradients that of the mean over one large batch.
        self.scaler.scale(loss / self.group.size if self.group.size > 1 else loss).backward()  # type: ignore[no-untyped-call]
        if self.group.last:
            self._apply(optimizers)
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)

    def step_ended(self) -> None:
        """Adapt the loss scale, once after all updates of a step, as GradScaler requires."""
        if self.group.last and self.scaler.is_enabled():
            self.scaler.update()

    def take_skipped(self) -> int:
        """The number of updates skipped since the last call; synchronises with the device."""
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
                self.scaler.unscale_(optimizer)
        norm = nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None], foreach=True)
        self._clip(weights, norm)
        # The norm is finite only if every gradient is, so that one number decides for all weights.
        non_finite = (~norm.isfinite()).to(torch.float32)
        self.skipped += non_finite
        for optimizer in optimizers:
            if self.scaler.is_enabled():
                self.scaler.step(optimizer)
            else:
                step_unless(optimizer, non_finite)

    def _clip(self, weights: list[Tensor], norm: Tensor) -> None:
        if self.clip_grad:
            nn.utils.clip_grads_with_norm_(weights, self.clip_grad, norm, foreach=True)


def _weights(optimizer: Optimizer) -> list[Tensor]:
    """The weights that have a gradient."""
    return [w for group in optimizer.param_groups for w in group["params"] if w.grad is not None]


def step_unless(optimizer: Optimizer, non_finite: Tensor) -> None:
    """Step, unless the scalar `non_finite` is 1."""
    if getattr(optimizer, "_step_supports_amp_scaling", False):
        # Fused optimizers check GradScaler's flag inside their kernel, so that nothing waits for the device.
        optimizer.found_inf = non_finite.to(torch.float32)  # type: ignore[attr-defined]
        optimizer.grad_scale = None  # type: ignore[attr-defined]
        optimizer.step()
        del optimizer.found_inf, optimizer.grad_scale  # type: ignore[attr-defined]
    elif not non_finite:
        optimizer.step()


def load_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Restore an optimizer's moments, but keep its own initial learning rate and betas.

    `--lr` and `--beta1` may have been changed for the resumed run, and torch would restore the old values.
    """
    kept = ("initial_lr", "betas")
    own = [{key: value for key, value in group.items() if key in kept} for group in optimizer.param_groups]
    optimizer.load_state_dict(dict(state))
    for group, settings in zip(optimizer.param_groups, own, strict=True):
        group.update(settings)
