"""How fast a run goes: pictures a second, waiting for data against computing, time left."""

import time
from dataclasses import dataclass

from .progress import Progress


@dataclass(frozen=True)
class Timing:
    """Seconds per picture computing and waiting for data, pictures a second, and seconds left."""

    compute: float = 0.0
    data: float = 0.0
    rate: float = 0.0
    left: float = 0.0


class Clock:
    """Measures a run since its last log line."""

    def __init__(self, total_images: int) -> None:
        self.total_images = total_images
        self._mark = (time.monotonic(), 0, 0.0)
        self._waited = 0.0
        self._rate = 0.0

    def start(self, at: Progress) -> None:
        """Begin measuring."""
        self._mark = (time.monotonic(), at.images, self._waited)

    def waited(self, seconds: float) -> None:
        """Add time that the step spent waiting for its batch."""
        self._waited += seconds

    def read(self, at: Progress, *, restart: bool = False) -> Timing:
        """The figures since the mark; `restart` sets a new mark."""
        since, images, waited = self._mark
        seconds, seen = time.monotonic() - since, at.images - images
        if seen <= 0 or seconds <= 0:
            return Timing(rate=self._rate)
        data = (self._waited - waited) / seen
        rate = seen / seconds
        self._rate = rate if not self._rate else 0.7 * self._rate + 0.3 * rate if restart else self._rate
        if restart:
            self.start(at)
        left = max(0, self.total_images - at.images) / (self._rate or rate)
        return Timing(max(0.0, seconds / seen - data), data, rate, left)
