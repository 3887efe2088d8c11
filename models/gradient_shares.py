"""Which term of an objective drives the networks: the share of each in the gradients of their weights."""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer


class GradientShares:
    """Measures the terms of the objectives of one step, when asked to; training goes on as without it.

    The share of a term is the norm of its gradient with respect to the trained weights, divided by the sum of the norms
    of all terms. It costs a backward pass for each term, and once the memory of the gradients.

    - is_due: whether the next objectives are measured.
    - measured: the norms by the term's name, as scalar tensors, which are on the device.
    """

    def __init__(self) -> None:
        self.is_due = False
        self.measured: dict[str, Tensor] = {}

    def request(self) -> None:
        """Measure in the next step."""
        self.is_due = True

    def measure(self, optimizers: Iterable[Optimizer], terms: Mapping[str, Tensor]) -> None:
        """Measure the terms of an objective, if that was requested.

        - optimizers: of all weights; those that a term does not reach do not count.
        """
        if not self.is_due or len(terms) < 2:
            return
        weights = [w for each in optimizers for group in each.param_groups for w in group["params"] if w.requires_grad]
        norms = {name: _norm(term, weights) for name, term in terms.items()}
        self.measured |= norms

    def step_ended(self) -> None:
        """Measure no further step."""
        self.is_due = False

    def take(self) -> dict[str, float]:
        """The shares measured since the last call; reading them waits for the device."""
        norms = {name: float(norm) for name, norm in self.measured.items()}
        self.measured.clear()
        total = sum(norms.values())
        return {name: norm / total for name, norm in norms.items()} if 0 < total < math.inf else {}


def _norm(term: Tensor, weights: Sequence[Tensor]) -> Tensor:
    if not isinstance(term, Tensor) or not term.requires_grad:  # a term that is off
        return torch.zeros(())
    gradients = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
    reached = [each for each in gradients if each is not None]
    return torch.nn.utils.get_total_norm(reached).to(term.dtype) if reached else torch.zeros(())
