"""The order of samples: which indices form each batch, epoch after epoch."""

import random
from collections.abc import Iterator, Sequence
from itertools import count


class BatchSampler:
    """Yields batches of (epoch, index), epoch after epoch.

    The order of an epoch is a function of (seed, epoch). Every item is in one batch of an epoch, and the last batch may
    be shorter than the others.

    - start: (epoch, items of it that were already seen), from which the same batches follow as in a run from the start.
    - epochs: the number of the last epoch; None for no end.
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
    ) -> None:
        if size < 1 or batch_size < 1:
            raise ValueError(f"size and batch_size must be 1 or more, not {size} and {batch_size}")
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.start = start
        self.epochs = epochs

    def order(self, epoch: int) -> Sequence[int]:
        """The indices in the order in which an epoch visits them."""
        if not self.shuffle:
            return range(self.size)
        indices = list(range(self.size))
        random.Random(f"{self.seed}/{epoch}").shuffle(indices)
        return indices

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        first, seen = self.start
        epochs = count(first) if self.epochs is None else range(first, self.epochs + 1)
        for epoch in epochs:
            order = self.order(epoch)
            for start in range(seen, self.size, self.batch_size):
                yield [(epoch, index) for index in order[start : start + self.batch_size]]
            seen = 0
