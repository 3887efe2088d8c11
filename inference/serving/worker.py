"""One thread that translates, and the bounded queue in front of it."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from .limits import CLIENT_GONE, Limits, Receive
from .problems import Problem, busy

T = TypeVar("T")


class Worker:
    """Does work in one thread, in the order in which it was asked for.

    One thread, because a network uses all cores, or the GPU, for one image: two at once would take twice the memory,
    and as much time.

    - limits: how many may wait, and how long; threads: of torch, on a CPU; 0 for its own choice.
    """

    def __init__(self, limits: Limits, threads: int = 0) -> None:
        self._limits = limits
        # In the thread itself: OpenMP keeps the number for each thread that starts others.
        start = (lambda: torch.set_num_threads(threads)) if threads else None
        self._pool = ThreadPoolExecutor(1, "pixlate-serve", initializer=start)
        self._seconds = 1.0  # a moving average of what one takes
        self.unfinished = 0

    @property
    def is_full(self) -> bool:
        """Whether as many wait as may, behind the one that is worked on."""
        return self.unfinished > self._limits.queue

    def refusal(self) -> Problem:
        """The answer for those who find no place."""
        return busy(self._seconds * max(1, self.unfinished / 2))

    async def run(self, work: Callable[[], T], receive: Receive) -> T:
        """The result of `work`, done in the thread. Raises Problem where the queue is full, or it waited too long.

        Work that has not begun when its client goes is not begun; work that has begun is finished.

        - receive: ASGI's, whose next message says that the client has gone.
        """
        if self.is_full:
            raise self.refusal()
        self.unfinished += 1
        future = self._pool.submit(self._timed, work)
        job = asyncio.wrap_future(future)
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            either: set[asyncio.Future[Any]] = {job, gone}
            await asyncio.wait(either, timeout=self._limits.timeout, return_when=asyncio.FIRST_COMPLETED)
            if not job.done() and future.cancel():
                seconds = f"{self._limits.timeout:g} s"
                late = Problem(504, "timeout", f"The image waited for {seconds} (--timeout) and was not translated.")
                raise CLIENT_GONE if gone.done() else late
            return await job
        finally:
            future.cancel()
            gone.cancel()
            self.unfinished -= 1

    def close(self) -> None:
        """End the thread after the work that has begun."""
        self._pool.shutdown(cancel_futures=True)

    def _timed(self, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            return work()
        finally:
            self._seconds += 0.2 * (time.perf_counter() - start - self._seconds)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
