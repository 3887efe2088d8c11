"""The processes that load batches: they are deaf to Ctrl-C, never outlive the run, and fail with one sentence."""

import multiprocessing
import os
import pickle
import signal
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from pixlate.errors import DataError, PixlateError
from pixlate.plugins.files import PluginFiles

from .base import BaseDataset
from .batches import Batch, Keys, fetch
from .memory import SharedMemory
from .reading import BadImageError
from .transport import Ring, Slot, pack, unpack

AHEAD = 2  # batches under way for each process
PATIENCE = 3.0  # seconds for a process to end by itself
GRACE = 120.0  # seconds that a process lives on after SIGTERM, so that the run can finish its step

Loaded = tuple[Batch, list[BadImageError]]


class Workers:
    """A pool of processes with copies of a data set.

    - count: how many; start_method: "fork", "spawn" or "forkserver", by default the system's; pin: whether batches
      come in pinned memory.
    """

    def __init__(
        self, dataset: BaseDataset[Any], count: int, *, start_method: str | None = None, pin: bool = False
    ) -> None:
        self.depth = AHEAD * count
        self._count = count
        self._ring = Ring(self.depth)
        self._pin = pin
        self._tickets = 0
        context = multiprocessing.get_context(start_method)
        self._pool = ProcessPoolExecutor(count, context, initializer=_begin, initargs=(PluginFiles.imported(), dataset))
        before = set(multiprocessing.active_children())
        with _signals_held():
            try:
                for _ in range(count):
                    self._pool.submit(_nothing)  # starts a process
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                self._pool.shutdown()
                raise DataError(
                    f"{type(dataset).__name__} cannot be copied to other processes ({error}): use --num_threads 0."
                ) from None
        self._processes = [child for child in multiprocessing.active_children() if child not in before]
        self._finalizer = weakref.finalize(self, _end, self._pool, self._processes)

    def submit(self, keys: Keys) -> "Pending":
        """Have a batch loaded. At most `depth` may be under way, and must be taken in order."""
        place = self._ring.slot(self._tickets)
        self._tickets += 1
        slot, memory = place or (None, None)
        try:
            return Pending(self, self._pool.submit(_load, keys, slot), memory)
        except BrokenProcessPool:
            raise self._killed() from None

    def take(self, future: "Future[Loaded]", memory: SharedMemory | None) -> Loaded:
        """Wait for a batch. Raises what its loading raised, DataError when a process was killed."""
        try:
            packed, bad = future.result()
        except BrokenProcessPool:
            raise self._killed() from None
        except PixlateError as error:
            raise error from None  # without the other process's traceback: the sentence says it
        batch = unpack(packed, memory, pin=self._pin)
        self._ring.fit(batch)
        return batch, bad

    def close(self) -> None:
        """End the processes; those that do not end soon are killed."""
        self._finalizer()

    def _killed(self) -> DataError:
        self.close()
        return DataError(
            "a process that loads images was killed, most likely because memory ran out: use fewer --num_threads "
            f"(now {self._count}) or a smaller --batch_size."
        )


class Pending:
    """A batch that is being loaded."""

    def __init__(self, workers: Workers, future: "Future[Loaded]", memory: SharedMemory | None) -> None:
        self._workers = workers
        self._future = future
        self._memory = memory

    def result(self) -> Loaded:
        """The batch, and the images left out of it."""
        return self._workers.take(self._future, self._memory)


_dataset: BaseDataset[Any] | None = None
#: Memory given back to the system costs more to get again than a cached image costs to make.
_recent: deque[Batch] = deque(maxlen=2)


def _begin(plugin_files: PluginFiles, dataset: BaseDataset[Any]) -> None:
    """Prepare a new process; where it is spawned, the arrival of `plugin_files` has made `dataset` importable."""
    global _dataset
    _dataset = dataset
    torch.set_num_threads(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_later)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _load(keys: Keys, slot: Slot | None) -> Loaded:
    assert _dataset is not None
    batch, bad = fetch(_dataset, keys)
    _recent.append(batch)
    return pack(batch, slot), bad


def _nothing() -> None:
    """A task that only makes the pool start a process."""


def _leave_later(number: int, frame: object) -> None:
    """On SIGTERM, which schedulers send to every process of a run: the run may need a few more batches to save."""
    timer = threading.Timer(GRACE, os._exit, (128 + number,))
    timer.daemon = True
    timer.start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Processes started meanwhile begin life deaf to the signals that they later ignore."""
    resource_tracker.ensure_running()  # it unblocks them as it starts
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with warnings.catch_warnings():  # newer Pythons warn of forking beside threads, which here only compute
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _end(pool: ProcessPoolExecutor, processes: list[BaseProcess]) -> None:
    pool.shutdown(wait=False, cancel_futures=True)
    deadline = time.monotonic() + PATIENCE
    alive = list(processes)
    while alive and (left := deadline - time.monotonic()) > 0:
        ended = connection.wait([process.sentinel for process in alive], left)
        alive = [process for process in alive if process.sentinel not in ended]
    for process in alive:
        process.kill()
