"""One optimizer's update: backward, accumulation, the guard against non-finite gradients, clipping, the step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


@dataclass
class Group:
    """Where a step stands in its group of accumulated batches."""

    size: int = 1
    last: bool = True


class Updater:
    """Applies losses to weights, for all optimizers of a model alike.

    Nothing here waits for the device: whether an update was skipped stays in a tensor, read on log steps.
    """

    def __init__(self, device: torch.device, *, scaled: bool, clip_grad: float) -> None:
        self.scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        self.clip_grad = clip_grad
        self.skipped = torch.zeros((), device=device)
        self.group = Group()

    def update(self, optimizers: Sequence[Optimizer], loss: Tensor) -> None:
        """Add the loss's gradients; at the end of a group, apply them all and clear them.

        Optimizers that share a loss share the norm by which their gradients are clipped. An update with a NaN or
        infinite gradient leaves weights and moments as they were.
        """
        self.scaler.scale(loss / self.group.size if self.group.size > 1 else loss).backward()  # type: ignore[no-untyped-call]
        if self.group.last:
            self._apply(optimizers)
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)

    def step_ended(self) -> None:
        """Adapt the loss scale, once after all of a step's updates."""
        if self.group.last and self.scaler.is_enabled():
            self.scaler.update()

    def take_skipped(self) -> int:
        """How many updates were skipped since last asked; waits for the device."""
        count = int(self.skipped)
        self.skipped.zero_()
        return count

    def state_dict(self) -> dict[str, Any]:
        """The loss scale and the count of skipped updates."""
        return {"scaler": self.scaler.state_dict(), "skipped": int(self.skipped)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
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
        broken = (~norm.isfinite()).to(torch.float32)
        self.skipped += broken
        for optimizer in optimizers:
            if self.scaler.is_enabled():
                self.scaler.step(optimizer)
            else:
                step_unless(optimizer, broken)

    def _clip(self, weights: list[Tensor], norm: Tensor) -> None:
        if self.clip_grad:
            nn.utils.clip_grads_with_norm_(weights, self.clip_grad, norm, foreach=True)


def _weights(optimizer: Optimizer) -> list[Tensor]:
    """The weights that have a gradient."""
    return [w for group in optimizer.param_groups for w in group["params"] if w.grad is not None]


def step_unless(optimizer: Optimizer, broken: Tensor) -> None:
    """Step, unless the scalar `broken` is 1: fused optimizers read it on the device, others wait for it."""
    if getattr(optimizer, "_step_supports_amp_scaling", False):
        optimizer.found_inf = broken.to(torch.float32)  # type: ignore[attr-defined]
        optimizer.grad_scale = None  # type: ignore[attr-defined]
        optimizer.step()
        del optimizer.found_inf, optimizer.grad_scale  # type: ignore[attr-defined]
    elif not broken:
        optimizer.step()
