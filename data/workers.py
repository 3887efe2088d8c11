"""Loads batches in other processes, with torch's DataLoader.

What this adds to a DataLoader: worker processes ignore SIGINT, outlive SIGTERM for a while and exit with the parent;
errors are one sentence; batches go through torch's shared memory only while there is plenty of it, so that neither the
size of /dev/shm nor the number of open files limits them; and a thread reads the next batch during a step.
"""

import multiprocessing
import os
import pickle
import queue
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker, util
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pixlate.errors import DataError, PixlateError
from pixlate.plugins.files import PluginFiles

from .base import BaseDataset
from .batches import Batch, Keys, Loaded, fetch
from .reading import BadImageError
from .sampler import BatchSampler

AHEAD = 2  # batches that each worker loads ahead
PATIENCE = 3.0  # seconds for a worker to end by itself
GRACE = 120.0  # seconds that a worker lives on after SIGTERM, so that the run can finish its step
CHECK = 1.0  # seconds between looks at whether the workers live, while a batch is waited for
SHARED_MEMORY = Path("/dev/shm")  # where torch puts tensors that go to another process, on Linux
ROOM = 64  # batches like the current one that must fit into it: other workers' and other programs' lie there as well
DESCRIPTORS = 256  # open files that must be allowed: each tensor under way holds one


class WorkerBatches:
    """The batches of a sampler, in its order, loaded by `count` processes that each have a copy of the data set.

    - start_method: "fork", "spawn" or "forkserver", by default the system's; pin: whether tensors are in pinned memory.

    Raises OSError where the system has no room for the processes, DataError for a data set that cannot be pickled.
    """

    def __init__(
        self,
        dataset: BaseDataset[Any],
        sampler: BatchSampler,
        count: int,
        *,
        start_method: str | None = None,
        pin: bool = False,
    ) -> None:
        self._count = count
        iterator, processes = _start(dataset, sampler, count, start_method)
        self._sentinels = [process.sentinel for process in processes]
        self._requests: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Loaded | Exception] = queue.SimpleQueue()
        threading.Thread(
            target=_read, args=(iterator, self._requests, self._results, pin), name="batches", daemon=True
        ).start()
        self._requests.put(True)
        # Finalizers of multiprocessing run before its own end, which waits for processes that SIGTERM does not end.
        self._finalizer = util.Finalize(self, _end, (self._requests, processes), exitpriority=10)

    def __iter__(self) -> Iterator[Loaded]:
        return self

    def __next__(self) -> Loaded:
        """Wait for a batch. Raises what its loading raised, DataError when a worker was killed."""
        result = self._result()
        if isinstance(result, PixlateError):
            raise result
        if isinstance(result, Exception):
            raise self._killed() if connection.wait(self._sentinels, 0) else result
        self._requests.put(True)
        return result

    def close(self) -> None:
        """End the processes; those that do not end soon are killed."""
        self._finalizer()

    def _result(self) -> Loaded | Exception:
        while True:
            try:
                return self._results.get(timeout=CHECK)
            except queue.Empty:
                # The reader itself cannot notice: a killed worker may leave half a batch in the pipe, and the reader
                # waiting for the rest for ever.
                if connection.wait(self._sentinels, 0):
                    return self._killed()

    def _killed(self) -> DataError:
        return DataError(
            "a process that loads images was killed, most likely because memory ran out: use fewer --num_threads "
            f"(now {self._count}) or a smaller --batch_size."
        )


class _Raw(NamedTuple):
    """A tensor as bytes, for a pipe: slower than shared memory, but it takes neither memory nor a file descriptor."""

    data: NDArray[np.uint8]
    dtype: torch.dtype
    shape: torch.Size


@dataclass(frozen=True)
class _Source(Dataset[bytes]):
    """What the DataLoader loads from: a pickled batch for each list of keys."""

    plugin_files: PluginFiles  # before the data set: unpickling them makes its class importable
    dataset: BaseDataset[Any]

    def __getitems__(self, keys: Keys) -> bytes:
        """The pickled batch, or the error in its place: a DataLoader would add its traceback to the message.

        Pickled here, because what the queue's own thread cannot pickle would be lost and waited for for ever.
        """
        try:
            batch, bad = fetch(self.dataset, keys)
        except PixlateError as error:
            return pickle.dumps(error)
        return _pickled(batch, bad)


def _pickled(batch: Batch, bad: list[BadImageError]) -> bytes:
    """A batch as bytes; its tensors lie in shared memory where there is room, else in the bytes themselves."""
    size = sum(part.nbytes for part in batch.values() if isinstance(part, Tensor))
    if _has_shared_memory(ROOM * size):
        with suppress(OSError, RuntimeError):  # taken by another program in the meantime
            return bytes(ForkingPickler.dumps((batch, bad)))
    return pickle.dumps(({name: _packed(part) for name, part in batch.items()}, bad), protocol=5)


def _has_shared_memory(size: int) -> bool:
    try:
        return shutil.disk_usage(SHARED_MEMORY).free >= size and os.sysconf("SC_OPEN_MAX") >= DESCRIPTORS
    except (OSError, ValueError, AttributeError):  # no such folder, or a system that does not tell
        return False


def _packed(part: Any) -> Any:
    if not isinstance(part, Tensor):
        return part
    return _Raw(part.contiguous().view(-1).view(torch.uint8).numpy(), part.dtype, part.shape)


def _unpacked(part: Any, pin: bool) -> Any:
    if isinstance(part, _Raw):
        part = torch.from_numpy(part.data).view(part.dtype).view(part.shape)
    return part.pin_memory() if pin and isinstance(part, Tensor) else part


def _read(
    iterator: Iterator[bytes],
    requests: "queue.SimpleQueue[bool]",
    results: "queue.SimpleQueue[Loaded | Exception]",
    pin: bool,
) -> None:
    """The reader's thread: one batch for each request. At its end the iterator goes, and tells the workers to end."""
    while requests.get():
        try:
            loaded = pickle.loads(next(iterator))
            if isinstance(loaded, tuple):
                batch: Batch = {name: _unpacked(part, pin) for name, part in loaded[0].items()}
                loaded = batch, loaded[1]
            results.put(loaded)
        except Exception as error:
            error.__cause__ = error.__context__ = None  # their frames would keep the iterator
            results.put(error.with_traceback(None))


def _start(
    dataset: BaseDataset[Any], sampler: BatchSampler, count: int, start_method: str | None
) -> tuple[Iterator[bytes], list[BaseProcess]]:
    before = set(multiprocessing.active_children())
    with _quiet_start():
        _check_room(count, start_method)
        loader = DataLoader(
            _Source(PluginFiles.imported(), dataset),
            batch_sampler=sampler,
            num_workers=count,
            collate_fn=_unchanged,
            worker_init_fn=_begin,
            prefetch_factor=AHEAD,
            multiprocessing_context=start_method,
            generator=torch.Generator(),  # without its own it draws from the global generator
        )
        try:
            iterator = iter(loader)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise DataError(
                f"{type(dataset).__name__} cannot be copied to other processes ({error}): use --num_threads 0."
            ) from None
    return iterator, [child for child in multiprocessing.active_children() if child not in before]


def _check_room(count: int, start_method: str | None) -> None:
    """Raise OSError when there are not enough semaphores and file descriptors for so many workers.

    As many as the DataLoader is about to open are opened and closed again: it prints a traceback when it fails itself.
    """
    context = multiprocessing.get_context(start_method)
    queues = []
    try:
        for _ in range(2 * count + 4):
            queues.append(context.Queue(1))
    finally:
        for opened in queues:
            opened.close()


def _unchanged(batch: Any) -> Any:
    return batch


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Processes started meanwhile begin life with the signals blocked that they later ignore; no warnings are shown.

    Newer Pythons warn of forking beside threads, which here only compute, and torch of more workers than cores.
    """
    resource_tracker.ensure_running()  # it unblocks them as it starts
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    earlier = signal.getsignal(signal.SIGCHLD)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        # A DataLoader's handler raises RuntimeError wherever this process is when a worker dies, in a step or a save.
        with suppress(ValueError):  # only the main thread may set handlers, and in others none was set
            signal.signal(signal.SIGCHLD, earlier)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _begin(worker: int) -> None:
    """Prepare a new worker process."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_later)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_later(number: int, frame: object) -> None:
    """On SIGTERM, which schedulers send to every process of a run: the run may need a few more batches to save."""
    timer = threading.Timer(GRACE, os._exit, (128 + number,))
    timer.daemon = True
    timer.start()


def _leave_with_parent() -> None:
    """A DataLoader's worker looks for its parent between batches alone, and never ends while it writes to a pipe."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _end(requests: "queue.SimpleQueue[bool]", processes: list[BaseProcess]) -> None:
    requests.put(False)
    deadline = time.monotonic() + PATIENCE
    alive = list(processes)
    while alive and (left := deadline - time.monotonic()) > 0:
        ended = connection.wait([process.sentinel for process in alive], left)
        alive = [process for process in alive if process.sentinel not in ended]
    for process in alive:
        process.kill()
