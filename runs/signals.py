"""SIGINT and SIGTERM finish the step under way, so that it can be saved; a second Ctrl-C stops at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pixlate.errors import Interrupted


class StopRequest:
    """Remembers that a signal asked the run to end.

    - at_once: nothing needs to be finished first, as before the first step: a signal raises Interrupted.
    """

    def __init__(self) -> None:
        self.number = 0
        self.at_once = False

    def __bool__(self) -> bool:
        return self.number != 0

    def note(self, number: int, frame: FrameType | None) -> None:
        """The signal handler: the first signal is remembered, a second Ctrl-C interrupts at once."""
        if self.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = self.number or number
        if self.at_once:
            self.raise_if_set("It had not begun yet.")

    def raise_if_set(self, so: str = "") -> None:
        """Raise Interrupted, with a sentence of what was saved, when a signal has come."""
        if self.number:
            raise Interrupted(f"Stopped by {signal.Signals(self.number).name}. {so}".strip(), 128 + self.number)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Within this block SIGINT and SIGTERM are noted instead of ending the process."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield request
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier = {number: signal.signal(number, request.note) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
