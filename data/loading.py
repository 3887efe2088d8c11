"""Batches for a run, epoch by epoch, loaded ahead by other processes."""

import logging
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import torch

from pixlate.options.shared import DataOptions

from .base import BaseDataset
from .batches import Batch, Loaded, check_bad_images, fetch, pinned
from .sampler import BatchSampler
from .workers import WorkerBatches

log = logging.getLogger(__name__)


class BatchLoader:
    """The batches of a run, epoch by epoch.

    What is in them is a function of the options, whatever the number of processes. Loading ahead goes on across
    the ends of epochs; `num_threads=0` loads in this process, nothing ahead.

    - start: the epoch to begin with, and how many of its items are already seen.
    - epochs: the number of the last epoch; None loads ahead without end.
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
        self._batches: Iterator[Loaded] | None = None
        self._wait = 0.0
        self._epoch, self._seen = start  # of the next batch
        if self._seen >= len(dataset):
            self._epoch, self._seen = self._epoch + 1, 0

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch that are not yet seen: {"A": N×C×H×W, …, "A_paths": [N names], …}.

        Epochs come in order; any other starts anew from its beginning. Raises DataError for an image that cannot
        be read, or for too many of them with `--on_bad_image skip`; those skipped are added to `bad_images`, by
        name with a sentence.
        """
        if self._epoch != epoch:
            self._stop()  # what is loaded ahead belongs to another epoch
            self._epoch, self._seen = epoch, 0
        while self._epoch == epoch and (self._epochs is None or epoch <= self._epochs):
            yield self._take()

    def take_wait(self) -> float:
        """The seconds spent waiting for batches since the last call."""
        wait, self._wait = self._wait, 0.0
        return wait

    def close(self) -> None:
        """End the processes and let go of the cache. A further `epoch` starts anew."""
        self._stop()
        self._dataset.close_cache()

    def __enter__(self) -> "BatchLoader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self) -> Batch:
        began = time.perf_counter()
        try:
            if self._batches is None:
                self._batches = self._start()
            batch, bad = next(self._batches)
            self.bad_images.update((error.path, str(error)) for error in bad)
            check_bad_images(self.bad_images, self._options.max_bad_images)
        except BaseException:
            self.close()
            raise
        self._seen += self._options.batch_size
        if self._seen >= len(self._dataset):
            self._epoch, self._seen = self._epoch + 1, 0
        self._wait += time.perf_counter() - began
        return batch

    def _stop(self) -> None:
        if isinstance(self._batches, WorkerBatches):
            self._batches.close()
        self._batches = None

    def _start(self) -> Iterator[Loaded]:
        options = self._options
        if options.cache != "auto" or self._epoch != self._epochs:  # after the last epoch nobody reads the cache
            self._dataset.open_cache()
        sampler = BatchSampler(
            len(self._dataset),
            options.batch_size,
            seed=options.seed,
            shuffle=not options.serial_batches,
            start=(self._epoch, self._seen),
            epochs=self._epochs,
        )
        count = min(options.num_threads, -(-len(self._dataset) // options.batch_size))
        if count:
            try:
                return WorkerBatches(self._dataset, sampler, count, start_method=self._start_method, pin=self._pin)
            except OSError as error:
                log.warning(
                    f"Processes that load images cannot be started ({error.strerror or error}): the main process loads "
                    "them. Allow more open files or a larger /dev/shm, or use --num_threads 0."
                )
        return map(self._load, sampler)

    def _load(self, keys: Any) -> Loaded:
        batch, bad = fetch(self._dataset, keys)
        return (pinned(batch) if self._pin else batch), bad
