"""Loads batches in worker processes, with torch's DataLoader.

In addition to what a DataLoader does,

- worker processes ignore SIGINT, delay their exit on SIGTERM and SIGHUP, and exit with the parent;
- errors arrive without the worker's traceback in their message;
- batches pass through files in memory instead of torch's shared memory (transfer.py);
- a thread receives the next batch during a training step.
"""

import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker, util
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from pixlate.errors import DataError, PixlateError
from pixlate.plugins.files import PluginFiles

from .base import BaseDataset
from .batches import Keys, Loaded, fetch
from .private_folders import PrivateFolder
from .sampler import BatchSampler
from .transfer import receive, send

PREFETCHED_BATCHES = 2  # of each worker
SHUTDOWN_SECONDS = 3.0  # for a worker to exit by itself, before it is killed
SIGTERM_SECONDS = 120.0  # between SIGTERM and a worker's exit, so that the run can finish its step
LIVENESS_SECONDS = 1.0  # between two checks of whether the workers are alive, and for the end of a killed one to show


class WorkerBatches:
    """The batches of a sampler, in its order, loaded by `count` processes that each have a copy of the data set.

    - start_method: "fork", "spawn" or "forkserver"; None is the system's default.
    - pin: whether tensors are in pinned memory.

    Raises OSError, or RuntimeError for a thread, if the system lacks resources for the processes, and DataError for a
    data set that cannot be pickled.
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
        self._requests: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Loaded | Exception] = queue.SimpleQueue()
        folder = PrivateFolder("batches")
        processes: list[BaseProcess] = []
        try:
            iterator, processes = _start(dataset, sampler, folder.path, count, start_method)
            threading.Thread(
                target=_receive, args=(iterator, self._requests, self._results, pin), name="batches", daemon=True
            ).start()
        except BaseException:
            _kill(processes)
            folder.remove()
            raise
        self._sentinels = [process.sentinel for process in processes]
        self._requests.put(True)
        # It also runs at exit, and with a positive priority before multiprocessing joins its processes: that would wait
        # for workers, which do not exit on SIGTERM at once.
        self._finalizer = util.Finalize(self, _shut_down, (self._requests, processes, folder), exitpriority=10)

    def __iter__(self) -> Iterator[Loaded]:
        return self

    def __next__(self) -> Loaded:
        """Wait for a batch. Raises the error of loading it, or DataError if a worker was killed."""
        result = self._result()
        if isinstance(result, PixlateError | StopIteration):
            raise result
        if isinstance(result, Exception):
            # The sockets of a process that is being killed close shortly before its sentinel becomes ready.
            raise self._killed() if connection.wait(self._sentinels, LIVENESS_SECONDS) else result
        self._requests.put(True)
        return result

    def close(self) -> None:
        """End the worker processes; those that do not exit in time are killed."""
        self._finalizer()

    def _result(self) -> Loaded | Exception:
        while True:
            try:
                return self._results.get(timeout=LIVENESS_SECONDS)
            except queue.Empty:
                # The receiving thread cannot check this: a worker that was killed while it wrote to the pipe leaves it
                # waiting for the rest of a batch.
                if connection.wait(self._sentinels, 0):
                    return self._killed()

    def _killed(self) -> DataError:
        return DataError(
            "a worker process that loads images was killed, probably because the system ran out of memory: use fewer "
            f"--num_threads (now {self._count}) or a smaller --batch_size."
        )


@dataclass(frozen=True)
class _BatchSource(Dataset["str | bytes"]):
    """A data set for the DataLoader that returns, for each list of keys, a pickled batch or the file that holds one."""

    plugin_files: PluginFiles  # pickled before the data set, because unpickling them makes its class importable
    dataset: BaseDataset[Any]
    folder: Path

    def __getitems__(self, keys: Keys) -> str | bytes:
        """The batch or error; a DataLoader would add the traceback to the message of an error that is raised.

        Batches are pickled here, because an object that the queue's thread cannot pickle is lost, and the main process
        would wait for it forever.
        """
        try:
            batch, bad = fetch(self.dataset, keys)
        except PixlateError as error:
            return send(error, self.folder)
        return send((batch, bad), self.folder)


def _receive(
    iterator: Iterator[str | bytes],
    requests: "queue.SimpleQueue[bool]",
    results: "queue.SimpleQueue[Loaded | Exception]",
    pin: bool,
) -> None:
    """Receive one batch for each request, in a thread, until a request is False.

    The iterator is deleted when the thread ends, which tells the workers to exit.
    """
    while requests.get():
        try:
            results.put(receive(next(iterator), pin=pin))
        except Exception as error:
            error.__cause__ = error.__context__ = None  # frames of a traceback would keep the iterator alive
            results.put(error.with_traceback(None))


def _start(
    dataset: BaseDataset[Any], sampler: BatchSampler, folder: Path, count: int, start_method: str | None
) -> tuple[Iterator[str | bytes], list[BaseProcess]]:
    """Start the workers; returns the iterator over pickled batches, and the processes."""
    earlier_processes = set(multiprocessing.active_children())
    with _starting_processes():
        _check_resources(count, start_method)
        loader = DataLoader(
            _BatchSource(PluginFiles.imported(), dataset, folder),
            batch_sampler=sampler,
            num_workers=count,
            collate_fn=_unchanged,
            worker_init_fn=_initialise_worker,
            prefetch_factor=PREFETCHED_BATCHES,
            multiprocessing_context=start_method,
            generator=torch.Generator(),  # a DataLoader draws a seed, by default from the global generator
        )
        try:
            iterator = iter(loader)
        except BaseException as error:
            _kill(_started(earlier_processes))
            _drop_silently(error)
            if isinstance(error, pickle.PicklingError | AttributeError | TypeError):
                raise DataError(
                    f"{type(dataset).__name__} cannot be copied to other processes ({error}): use --num_threads 0."
                ) from None
            raise
    return iterator, _started(earlier_processes)


def _started(earlier_processes: set[BaseProcess]) -> list[BaseProcess]:
    return [child for child in multiprocessing.active_children() if child not in earlier_processes]


def _kill(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.kill()
        process.join()


def _drop_silently(error: BaseException) -> None:
    """Delete a DataLoader's iterator that could not start all workers: it prints a traceback when it is deleted."""
    previous_hook = sys.unraisablehook
    sys.unraisablehook = _ignore
    try:
        traceback.clear_frames(error.__traceback__)
    finally:
        sys.unraisablehook = previous_hook


def _ignore(unraisable: object) -> None:
    pass


def _check_resources(count: int, start_method: str | None) -> None:
    """Raise OSError if there are not enough semaphores and file descriptors for that number of workers.

    As many queues as the DataLoader needs are opened and closed again, because it prints a traceback if it fails.
    """
    context = multiprocessing.get_context(start_method)
    queues = []
    try:
        for _ in range(2 * count + 4):
            queues.append(context.Queue(1))
    finally:
        for test_queue in queues:
            test_queue.close()


def _unchanged(batch: Any) -> Any:
    return batch


@contextmanager
def _starting_processes() -> Iterator[None]:
    """Within this block, processes start with SIGINT and SIGTERM blocked, and warnings are ignored.

    `_initialise_worker` unblocks the signals when it has set their handlers. The warnings are Python's of forking in a
    process with threads, which here only compute, and torch's of more workers than cores.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
        return
    resource_tracker.ensure_running()  # started later, inside this block, it would unblock the signals
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    previous_handler = signal.getsignal(signal.SIGCHLD)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        # The DataLoader installs a handler that raises RuntimeError in the main thread when a worker dies, even in the
        # middle of a step or of a save.
        with suppress(ValueError):  # outside of the main thread, neither it nor this can set a handler
            signal.signal(signal.SIGCHLD, previous_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)


def _initialise_worker(worker: int) -> None:
    """Set the signal handlers of a new worker process, and let it exit with its parent."""
    signal.set_wakeup_fd(-1)  # a forked worker has the parent's, and would report its signals there
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the run ends its workers
    signal.signal(signal.SIGTERM, _exit_later)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _exit_later)  # of a closed terminal, it too reaches all processes of a run
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_later(signal_number: int, frame: object) -> None:
    """Handle SIGTERM or SIGHUP, sent to all processes of a run, which may need more batches until it has saved."""
    timer = threading.Timer(SIGTERM_SECONDS, os._exit, (128 + signal_number,))
    timer.daemon = True
    timer.start()


def _exit_with_parent() -> None:
    """Exit with the parent; a DataLoader's worker checks for it between batches only, not while it writes to a pipe."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _shut_down(requests: "queue.SimpleQueue[bool]", processes: list[BaseProcess], folder: PrivateFolder) -> None:
    """End the receiving thread, which ends the processes; kill those that are still alive after SHUTDOWN_SECONDS.

    The folder of batches in transit is removed.
    """
    requests.put(False)
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    alive = list(processes)
    while alive and (timeout := deadline - time.monotonic()) > 0:
        ended = connection.wait([process.sentinel for process in alive], timeout)
        alive = [process for process in alive if process.sentinel not in ended]
    for process in alive:
        process.kill()
    folder.remove()
