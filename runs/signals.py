"""SIGINT and SIGTERM end a command after the step under way, which can be saved; a second Ctrl-C ends it at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pixlate.errors import Interrupted


class StopRequest:
    """Whether a signal has asked the command to end; true once one has.

    - immediate: a signal raises Interrupted in the main thread, wherever it is: nothing needs to be saved first, as
      before the first step.
    """

    def __init__(self) -> None:
        self.number = 0
        self.immediate = False

    def __bool__(self) -> bool:
        return self.number != 0

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler: the first signal is recorded, a second Ctrl-C raises KeyboardInterrupt."""
        if self.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = self.number or number
        if self.immediate:
            self.raise_if_set("Training had not started.")

    def raise_if_set(self, outcome: str = "") -> None:
        """Raise Interrupted, with a sentence about what was saved, when a signal has come.

        The exit code is 128 plus the signal's number, which shells and schedulers expect.
        """
        if self.number:
            raise Interrupted(f"Stopped by {signal.Signals(self.number).name}. {outcome}".strip(), 128 + self.number)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Within this block SIGINT and SIGTERM are recorded instead of ending the process."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield request
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier = {number: signal.signal(number, request.handle) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
