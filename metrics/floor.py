"""The noise floor of a metric of sets: the value that real images have in place of the translated ones."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

MIN_IMAGES = 2  # of each set


class NoiseFloor:
    """Real images against real images, of the same number as is measured.

    A distance of few images is large by chance, so that the floor must be one of as many.
    """

    def __init__(self) -> None:
        self._others: list[Tensor] = []
        self._phase = ""

    def add(self, others: Tensor, phase: str) -> None:
        """Take the features of further real images, of another phase of the data."""
        self._others.append(others)
        self._phase = phase

    def of(
        self, real: Tensor, n: int, distance: Callable[[Tensor, Tensor], float], draw: np.random.Generator
    ) -> tuple[float | None, int | None, str]:
        """The floor for n translated images, how many real images stand for them, and the phase that they are of.

        - real: the features of the M real images that the results are compared with.

        They are n of these against n others where M is at least 2n; otherwise n of the other phase against all M; and
        where that has fewer than half of M, the two halves. None where there are fewer than two of each.
        """
        order = draw.permutation(len(real))
        half = min(n, len(real) // 2)
        others = torch.cat(self._others) if self._others else real[:0]
        if half < n and min(n, len(others)) > half:
            chosen = draw.permutation(len(others))[:n]
            return distance(others[chosen], real), len(chosen), self._phase
        if half < MIN_IMAGES:
            return None, None, ""
        return distance(real[order[:half]], real[order[half : 2 * half]]), half, ""
