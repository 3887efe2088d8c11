"""How fast a run goes: images per second, waiting for data against computing, time left."""

import time

from pixlate.plugins.run import Progress, Timing


class Clock:
    """Measures a run since its last log line."""

    def __init__(self, total_images: int) -> None:
        self.total_images = total_images
        self._mark = (time.monotonic(), 0, 0.0)
        self._waited = 0.0
        self._rate = 0.0

    def start(self, progress: Progress) -> None:
        """Begin measuring."""
        self._mark = (time.monotonic(), progress.images, self._waited)

    def waited(self, seconds: float) -> None:
        """Add time that the step spent waiting for its batch."""
        self._waited += seconds

    def read(self, progress: Progress, *, restart: bool = False) -> Timing:
        """The figures since the mark; `restart` sets a new mark."""
        since, images, waited = self._mark
        seconds, seen = time.monotonic() - since, progress.images - images
        if seen <= 0 or seconds <= 0:
            return Timing(rate=self._rate)
        data = (self._waited - waited) / seen
        rate = seen / seconds
        self._rate = rate if not self._rate else 0.7 * self._rate + 0.3 * rate if restart else self._rate
        if restart:
            self.start(progress)
        left = max(0, self.total_images - progress.images) / (self._rate or rate)
        return Timing(max(0.0, seconds / seen - data), data, rate, left)
