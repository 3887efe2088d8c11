"""The order of samples: which indices form each batch, epoch after epoch."""

import random
from collections.abc import Iterator, Sequence
from itertools import count


def frequencies(weights: Sequence[float] | None, groups: Sequence[object] | None) -> list[float] | None:
    """How often each sample is drawn: its weight, divided by the sum of its group; None where all are alike."""
    if weights is None and groups is None:
        return None
    count = len(weights if weights is not None else groups or ())
    own = list(weights) if weights is not None else [1.0] * count
    if groups is None:
        return own
    totals: dict[object, float] = {}
    for weight, group in zip(own, groups, strict=True):
        totals[group] = totals.get(group, 0.0) + weight
    return [weight / totals[group] if totals[group] else 0.0 for weight, group in zip(own, groups, strict=True)]


class BatchSampler:
    """Yields batches of (epoch, index), epoch after epoch.

    The order of an epoch is a function of (seed, epoch). Every item is in one batch of an epoch, and the last batch may
    be shorter than the others.

    - start: (epoch, items of it that were already seen), from which the same batches follow as in a run from the start.
    - epochs: the number of the last epoch; None for no end.
    - frequencies: how often each item is drawn beside the others; an epoch then has as many draws as items, with
      repetitions. Only if they are shuffled.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        start: tuple[int, int] = (1, 0),
        epochs: int | None = None,
        frequencies: Sequence[float] | None = None,
    ) -> None:
        if size < 1 or batch_size < 1:
            raise ValueError(f"size and batch_size must be 1 or more, not {size} and {batch_size}")
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.start = start
        self.epochs = epochs
        self.frequencies = frequencies

    def order(self, epoch: int) -> Sequence[int]:
        """The indices in the order in which an epoch visits them."""
        if not self.shuffle:
            return range(self.size)
        rng = random.Random(f"{self.seed}/{epoch}")
        if self.frequencies is not None:
            return rng.choices(range(self.size), self.frequencies, k=self.size)
        indices = list(range(self.size))
        rng.shuffle(indices)
        return indices

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        first, seen = self.start
        epochs = count(first) if self.epochs is None else range(first, self.epochs + 1)
        for epoch in epochs:
            order = self.order(epoch)
            for start in range(seen, self.size, self.batch_size):
                yield [(epoch, index) for index in order[start : start + self.batch_size]]
            seen = 0
