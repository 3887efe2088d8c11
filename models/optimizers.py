"""Optimizers, the values of `--optimizer`, and the restoring of their state.

An optimizer is a callable `(params, *, lr, betas, weight_decay)` that returns a `torch.optim.Optimizer`, as the classes
of torch.optim with these arguments do; `params` are parameter groups.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from pixlate.util.text import shown

ParamGroup = dict[str, Any]  # {"params": [tensors]}, and settings of its own, such as "lr"
Betas = tuple[float, float]
#: Builds an optimizer: `adam(params, lr=0.0002, betas=(0.5, 0.999), weight_decay=0.0)`.
OptimizerFactory = Callable[..., Optimizer]

#: The settings that come from options, which may have been changed for a resumed run, by their names in torch.optim.
_FROM_OPTIONS = ("initial_lr", "betas", "weight_decay", "momentum", "alpha")


def adam(params: Sequence[ParamGroup], *, lr: float, betas: Betas, weight_decay: float) -> Optimizer:
    """Adam (Kingma and Ba 2015); the weight decay is added to the gradient (L2 regularisation)."""
    return Adam(params, lr=lr, betas=betas, weight_decay=weight_decay, fused=_fused(params))


def adamw(params: Sequence[ParamGroup], *, lr: float, betas: Betas, weight_decay: float) -> Optimizer:
    """AdamW (Loshchilov and Hutter 2019): Adam whose weight decay is independent of the gradient."""
    return AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay, fused=_fused(params))


def sgd(params: Sequence[ParamGroup], *, lr: float, betas: Betas, weight_decay: float) -> Optimizer:
    """Stochastic gradient descent with the momentum beta1; beta2 is ignored."""
    return SGD(params, lr=lr, momentum=betas[0], weight_decay=weight_decay, fused=_fused(params))


def rmsprop(params: Sequence[ParamGroup], *, lr: float, betas: Betas, weight_decay: float) -> Optimizer:
    """RMSprop (Tieleman and Hinton 2012) with the smoothing constant beta2; beta1 is ignored."""
    return RMSprop(params, lr=lr, alpha=betas[1], weight_decay=weight_decay)


def _fused(params: Sequence[ParamGroup]) -> bool:
    # The fused kernel makes one pass over weights and moments instead of ten, and lets Updater skip non-finite updates
    # without waiting for the device. It has not been tested on MPS.
    return all(weight.device.type != "mps" for group in params for weight in group["params"])


def load_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Restore an optimizer's moments, but keep the current values of what options determine.

    `--lr`, `--beta1` and others may have been changed for the resumed run; torch would restore the stored values.
    Raises ValueError where values do not fit, which torch would notice in the next step or never.
    """
    current = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    _check_settings(current, state["param_groups"])
    optimizer.load_state_dict(dict(state))
    for group, settings in zip(optimizer.param_groups, current, strict=True):
        # A state of an older PyTorch may lack a setting; torch keeps none of the current ones.
        group.update({key: value for key, value in settings.items() if key in _FROM_OPTIONS or key not in group})
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


def _check_moments(optimizer: Optimizer) -> None:
    """Raise ValueError where an optimizer could not use what it holds for a weight."""
    known = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    required = ("exp_avg", "exp_avg_sq", "step") if isinstance(optimizer, Adam) else ()
    for weight, values in optimizer.state.items():
        if id(weight) not in known:
            raise ValueError("an optimizer has moments of unknown weights")
        for name in dict.fromkeys((*required, *values)):
            value = values[name]
            if name == "step":
                if not isinstance(value, Tensor) or value.numel() != 1 or not 0 <= float(value) < math.inf:
                    raise ValueError("an optimizer's 'step' is no number of steps")
            elif name in required or (isinstance(value, Tensor) and value.numel() != 1):
                _check_moment(name, value, weight)


def _check_moment(name: str, moment: object, weight: Tensor) -> None:
    if not isinstance(moment, Tensor) or moment.shape != weight.shape or not moment.is_floating_point():
        raise ValueError(f"an optimizer's '{name}' has not the shape of its weight, {tuple(weight.shape)}")
