"""The speed of a run, and the time that is left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pixlate.plugins.run import Progress, Timing

MAX_MARKS = 64  # that are kept, so that a long run needs no more memory than a short one


class _Mark(NamedTuple):
    """A moment: its time without what is counted apart, and the images seen."""

    seconds: float
    images: int


class Clock:
    """Measures the speed of a run: seconds per image computing and waiting for data, and the remaining time.

    The rate is that of the later half of what this process has trained: the first steps, which compile and fill caches,
    soon do not count, and a machine that changes its speed is followed. Validations are counted apart: they are long
    and rare, so that a rate which contains one says nothing about the others.

    - start: the position at which the process starts.
    - total_images: the images seen at the end of the run.
    - steps: of this process.
    - validations: how many are to come; validation_seconds: of one of them, an estimate until one was measured.
    """

    def __init__(self, start: Progress, total_images: int) -> None:
        self.total_images = total_images
        self.validations, self.validation_seconds = 0, 0.0
        self._waited = 0.0  # seconds
        self._apart = 0.0  # seconds
        self._mark = (time.monotonic(), start.images, self._waited, self._apart)
        self.steps, self._stride = 0, 1  # of this process; steps between two marks
        self._start = _Mark(self._now(), start.images)
        self._marks = [self._start]

    def add_wait(self, seconds: float) -> None:
        """Add time that a step spent waiting for its batch."""
        self._waited += seconds

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Count the time of a validation, apart from that of the steps."""
        start_time = time.monotonic()
        try:
            yield
        finally:
            self.validation_seconds = time.monotonic() - start_time
            self._apart += self.validation_seconds
            self.validations -= 1

    def step(self, progress: Progress) -> None:
        """Note the position after a step."""
        self.steps += 1
        mark = _Mark(self._now(), progress.images)
        if self.steps == 1:
            self._marks = [mark]  # the first step, which compiles and fills caches, says nothing about the others
        elif self.steps % self._stride == 0:
            self._marks.append(mark)
        if len(self._marks) == MAX_MARKS:
            self._marks, self._stride = self._marks[::2], 2 * self._stride

    def read(self, progress: Progress, *, restart: bool = False) -> Timing:
        """The speed since the last `restart`, and the time left; `restart` starts the next measurement."""
        mark_time, mark_images, mark_waited, mark_apart = self._mark
        seconds = time.monotonic() - mark_time - (self._apart - mark_apart)
        images = progress.images - mark_images
        rate = self.rate(progress)
        left = self._left(progress, rate)
        if images <= 0 or seconds <= 0:
            return Timing(rate=rate, left=left)
        wait = (self._waited - mark_waited) / images
        if restart:
            self._mark = (time.monotonic(), progress.images, self._waited, self._apart)
        return Timing(max(0.0, seconds / images - wait), wait, rate, left)

    def rate(self, progress: Progress) -> float:
        """Images per second over the later half of what this process has trained; 0 before any is measured."""
        first = self._marks[0].images
        middle = first + (progress.images - first) / 2
        earlier = [mark for mark in self._marks if mark.images <= middle and mark.images < progress.images]
        since = max(earlier, key=lambda mark: mark.images, default=self._start)
        seconds = self._now() - since.seconds
        return (progress.images - since.images) / seconds if seconds > 0 else 0.0

    def _now(self) -> float:
        return time.monotonic() - self._apart

    def _left(self, progress: Progress, rate: float) -> float:
        """The seconds to the end of the run at a rate; 0 as long as none is known."""
        if not rate:
            return 0.0
        return max(0, self.total_images - progress.images) / rate + self.validations * self.validation_seconds
