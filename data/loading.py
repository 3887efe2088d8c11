"""Loads the batches of a run, epoch by epoch, in worker processes or in the main process."""

import logging
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import torch

from pixlate.errors import OptionError
from pixlate.options.shared import DataOptions
from pixlate.util.system_errors import refusal

from .base import BaseDataset
from .batches import Batch, Keys, Loaded, check_bad_images, fetch, pinned
from .memory import free_memory
from .sampler import BatchSampler, frequencies
from .workers import WorkerBatches

log = logging.getLogger(__name__)

WORKER_BYTES = 64 << 20  # of memory for a worker process; measured: 12 to 22 MB, and the images that it decodes
WORKER_SHARE = 2  # workers may use one part in so many of the free memory


class BatchLoader:
    """The batches of a run, epoch by epoch.

    Their content is a function of the options, and does not depend on the number of processes. Worker processes load
    ahead, also beyond the end of an epoch; with `num_threads=0` this process loads each batch when it is needed.

    - start: the first epoch, and the number of its items that are skipped because they were seen before.
    - epochs: the number of the last epoch; None for no end.
    - device: the device that batches will be copied to; for CUDA they are in pinned memory.
    - start_method: how processes are started ("fork", "spawn", "forkserver"); None is the system's default.
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
        self.bad_images: dict[str, str] = {}  # error messages by path
        self._dataset = dataset
        self._options = options
        self._epochs = epochs
        self._pin = torch.device(device).type == "cuda"
        self._start_method = start_method
        self._batches: Iterator[Loaded] | None = None
        self._wait = 0.0  # seconds
        self._epoch, self._seen = start  # the position of the next batch
        if self._seen >= len(dataset):
            self._epoch, self._seen = self._epoch + 1, 0

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The remaining batches of an epoch: {"A": N×C×H×W, …, "A_paths": [N paths], …}.

        Epochs in order are loaded ahead; any other epoch is loaded from its beginning. Raises DataError for an image
        that cannot be read, or for too many of them with `--on_bad_image skip`; skipped ones are added to
        `bad_images`.
        """
        if self._epoch != epoch:
            self._stop()  # the batches loaded ahead belong to another epoch
            self._epoch, self._seen = epoch, 0
        while self._epoch == epoch and (self._epochs is None or epoch <= self._epochs):
            yield self._take()

    def take_wait(self) -> float:
        """The seconds spent waiting for batches since the last call."""
        wait, self._wait = self._wait, 0.0
        return wait

    def close(self) -> None:
        """End the worker processes and close the cache. A later call of `epoch` starts them again."""
        self._stop()
        self._dataset.close_cache()

    def __enter__(self) -> "BatchLoader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self) -> Batch:
        start_time = time.perf_counter()
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
        self._wait += time.perf_counter() - start_time
        return batch

    def _stop(self) -> None:
        if isinstance(self._batches, WorkerBatches):
            self._batches.close()
        self._batches = None

    def _start(self) -> Iterator[Loaded]:
        options = self._options
        if options.cache != "auto" or self._epoch != self._epochs:  # images cached in the last epoch are never read
            self._dataset.open_cache()
        sampler = BatchSampler(
            len(self._dataset),
            options.batch_size,
            seed=options.seed,
            shuffle=not options.serial_batches,
            start=(self._epoch, self._seen),
            epochs=self._epochs,
            frequencies=None if options.serial_batches else self._frequencies(),
        )
        batches_per_epoch = -(-len(self._dataset) // options.batch_size)
        count = min(options.num_threads, batches_per_epoch)
        return self._start_workers(sampler, count) or map(self._load, sampler)

    def _frequencies(self) -> list[float] | None:
        """How often each sample is drawn. Raises OptionError where `--balance` has no groups to balance."""
        groups = self._dataset.balanced_by
        if self._options.balance and groups is None:
            raise OptionError(
                "--balance needs groups of samples: --dataset_mode domains, or manifest with a column 'group'."
            )
        return frequencies(self._dataset.weights, groups if self._options.balance else None)

    def _start_workers(self, sampler: BatchSampler, requested: int) -> WorkerBatches | None:
        """As many worker processes as memory and the system allow, said once where these are fewer; None for none."""
        count = min(requested, free_memory() // WORKER_SHARE // WORKER_BYTES)
        reason = "too little memory is free"
        batches = None
        while count and batches is None:
            try:
                batches = WorkerBatches(self._dataset, sampler, count, start_method=self._start_method, pin=self._pin)
            except (OSError, RuntimeError) as error:
                if (refused := refusal(error)) is None:
                    raise
                count, reason = count // 2, refused.rstrip(".")
        if count < requested:
            where = f"{count} load images" if count else "images are loaded in the main process"
            log.warning(f"{requested} worker processes cannot be started ({reason}): {where}.")
        return batches

    def _load(self, keys: Keys) -> Loaded:
        batch, bad = fetch(self._dataset, keys)
        return (pinned(batch) if self._pin else batch), bad
