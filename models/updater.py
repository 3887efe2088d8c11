"""Optimizer updates: backward pass, accumulation, protection against non-finite gradients, clipping, the step."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from pixlate.util.text import shown


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

    With fused optimizers, an update does not synchronise with the device: the number of skipped updates is a tensor,
    which is read only when losses are logged.
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
        # Losses are means over a batch. Divided by the group's size, their gradients add up to the gradient of the mean
        # over one large batch.
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
                self.scaler.unscale_(optimizer)  # also records for `scaler.update` whether a gradient is not finite
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


def load_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Restore an optimizer's moments, but keep its current initial learning rate and betas.

    `--lr` and `--beta1` may have been changed for the resumed run; torch would restore the stored values. Raises
    ValueError where values do not fit, which torch would notice in the next step or never.
    """
    preserved = ("initial_lr", "betas")
    current = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    _check_settings(current, state["param_groups"])
    optimizer.load_state_dict(dict(state))
    for group, settings in zip(optimizer.param_groups, current, strict=True):
        # A state of an older PyTorch may lack a setting; torch keeps none of the current ones.
        group.update({key: value for key, value in settings.items() if key in preserved or key not in group})
    if isinstance(optimizer, Adam):
        _check_moments(optimizer)


def _check_settings(current: Sequence[Mapping[str, Any]], stored: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError for a stored setting of another kind than the current one: a text instead of a number."""
    for settings, group in zip(current, stored, strict=True):
        for name, value in settings.items():
            if name in group and not _same_kind(value, group[name]):
                raise ValueError(f"an optimizer's '{name}' is {shown(group[name])!r}")


def _same_kind(value: Any, stored: Any) -> bool:
    if isinstance(value, bool) or value is None:  # foreach and fused: None leaves the choice to torch
        return stored is None or isinstance(stored, bool)
    if isinstance(value, int | float):
        return isinstance(stored, int | float) and not isinstance(stored, bool) and math.isfinite(stored)
    if isinstance(value, tuple):
        return isinstance(stored, tuple | list) and len(stored) == len(value) and all(map(_same_kind, value, stored))
    return isinstance(stored, type(value))


def _check_moments(optimizer: Adam) -> None:
    """Raise ValueError where Adam could not use what it holds for a weight."""
    known = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    for weight, values in optimizer.state.items():
        if id(weight) not in known:
            raise ValueError("an optimizer has moments of unknown weights")
        for name in ("exp_avg", "exp_avg_sq"):
            moment = values[name]
            if not isinstance(moment, Tensor) or moment.shape != weight.shape or not moment.is_floating_point():
                raise ValueError(f"an optimizer's '{name}' has not the shape of its weight, {tuple(weight.shape)}")
        step = values["step"]
        if not isinstance(step, Tensor) or step.numel() != 1 or not 0 <= float(step) < math.inf:
            raise ValueError("an optimizer's 'step' is no number of steps")
