"""Batches for a run, loaded ahead by other processes."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import torch

from pixlate.options.shared import DataOptions

from .base import BaseDataset
from .batches import Batch, Keys, check_bad_images, fetch, pinned
from .cache_store import Kept, open_cache
from .image_dataset import ImageDataset
from .sampler import BatchSampler
from .workers import Loaded, Workers


class BatchLoader:
    """The batches of a run, epoch by epoch.

    What is in them is a function of the options, whatever the number of processes. Loading ahead goes on across
    the ends of epochs; `num_threads=0` loads in this process, nothing ahead.

    - start: the epoch to begin with, and how many of its items are already seen.
    - epochs: the number of the last epoch; None loads ahead for ever.
    - device: batches stay on the CPU, in pinned memory where the device is a CUDA one.
    - start_method: how processes are started ("fork", "spawn", "forkserver"); by default the system's way.
    """

    def __init__(
        self,
        dataset: BaseDataset[Any],
        options: DataOptions,
        *,
        start: tuple[int, int] = (1, 0),
        epochs: int | None = None,
        device: torch.device | str = "cpu",
        start_method: str | None = None,
    ) -> None:
        self.bad_images: dict[str, str] = {}
        self._dataset = dataset
        self._options = options
        self._epochs = epochs
        self._pin = torch.device(device).type == "cuda"
        self._start_method = start_method
        self._source: Workers | _Inline | None = None
        self._kept: Kept | None = None
        self._last_epoch: int | None = None
        self._wait = 0.0
        self._seek(start)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch that are not yet seen: {"A": N×C×H×W, …, "A_paths": [N names], …}.

        Epochs come in order; any other starts anew from its beginning. Raises DataError for an image that cannot
        be read, or for too many of them with `--on_bad_image skip`; those skipped are added to `bad_images`, by
        name with a sentence.
        """
        if self._epoch_of_next() != epoch or (self._begins(epoch) and self._wants_thread()):
            self._stop()  # what is under way belongs to another epoch, or is made more cheaply from now on
            self._seek((epoch, 0))
        while self._epoch_of_next() == epoch:
            yield self._take()

    def take_wait(self) -> float:
        """The seconds spent waiting for batches since this was last asked."""
        wait, self._wait = self._wait, 0.0
        return wait

    def close(self) -> None:
        """End the processes and let go of the cache. A further `epoch` starts anew."""
        self._stop()
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        if isinstance(self._dataset, ImageDataset):
            self._dataset.cache = None

    def _stop(self) -> None:
        self._under_way.clear()
        if self._source is not None:
            self._source.close()
            self._source = None

    def __enter__(self) -> "BatchLoader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _seek(self, start: tuple[int, int]) -> None:
        options = self._options
        sampler = BatchSampler(
            len(self._dataset),
            options.batch_size,
            seed=options.seed,
            shuffle=not options.serial_batches,
            start=start,
            epochs=self._epochs,
        )
        self._keys = iter(sampler)
        self._next: Keys | None = next(self._keys, None)
        self._under_way: deque[tuple[Keys, _Pending]] = deque()

    def _epoch_of_next(self) -> int | None:
        keys = self._under_way[0][0] if self._under_way else self._next
        return keys[0][0] if keys else None

    def _take(self) -> Batch:
        began = time.perf_counter()
        try:
            self._load_ahead()
            keys, pending = self._under_way.popleft()
            batch, bad = pending.result()
            self._last_epoch = keys[0][0]
            self.bad_images.update((error.path, str(error)) for error in bad)
            check_bad_images(self.bad_images, self._options.max_bad_images)
            self._load_ahead()
        except BaseException:
            self.close()
            raise
        self._wait += time.perf_counter() - began
        return batch

    def _load_ahead(self) -> None:
        if self._source is None:
            self._open_cache()
            self._source = self._make_source()
        while self._next is not None and len(self._under_way) < self._source.depth:
            self._under_way.append((self._next, self._source.submit(self._next)))
            self._next = next(self._keys, None)

    def _open_cache(self) -> None:
        last = self._next is not None and self._next[0][0] == self._epochs
        if (
            self._kept is None
            and isinstance(self._dataset, ImageDataset)
            and not (last and self._options.cache == "auto")
        ):
            self._kept = open_cache(self._dataset, self._options)
            self._dataset.cache = self._kept.images if self._kept else None

    def _make_source(self) -> "Workers | _Inline":
        batches = -(-len(self._dataset) // self._options.batch_size)
        count = min(self._options.num_threads, batches)
        if count == 0:
            return _Inline(self._dataset, self._pin)
        if self._all_kept():
            return _Thread(self._dataset, self._pin)
        return Workers(self._dataset, count, start_method=self._start_method, pin=self._pin)

    def _all_kept(self) -> bool:
        return self._kept is not None and self._kept.images.is_complete()

    def _wants_thread(self) -> bool:
        return isinstance(self._source, Workers) and self._all_kept()

    def _begins(self, epoch: int) -> bool:
        return self._last_epoch is not None and self._last_epoch != epoch


class _Pending(Protocol):
    def result(self) -> Loaded: ...


class _Inline:
    """Loads in this process, when a batch is asked for."""

    depth = 1

    def __init__(self, dataset: BaseDataset[Any], pin: bool) -> None:
        self._dataset = dataset
        self._pin = pin

    def submit(self, keys: Keys) -> "_Pending":
        return _Later(lambda: self._load(keys))

    def close(self) -> None:
        pass

    def _load(self, keys: Keys) -> Loaded:
        batch, bad = fetch(self._dataset, keys)
        return (pinned(batch) if self._pin else batch), bad


class _Thread(_Inline):
    """Loads ahead in one thread: where nothing is decoded, other processes, or more threads, cost more than they do."""

    depth = 4

    def __init__(self, dataset: BaseDataset[Any], pin: bool) -> None:
        super().__init__(dataset, pin)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches")

    def submit(self, keys: Keys) -> "_Pending":
        return self._pool.submit(self._load, keys)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Later:
    result: Callable[[], Loaded]
