"""SIGINT, SIGTERM and SIGHUP end a command after the current step, when it can be saved; a second Ctrl-C at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pixlate.errors import Interrupted


class StopRequest:
    """True once SIGINT, SIGTERM or SIGHUP has arrived.

    - signal_number: of the first signal; 0 before one has arrived.
    - immediate: while true, a signal raises Interrupted in the main thread at once, because nothing needs to be saved
      first, as before the first step.
    """

    def __init__(self) -> None:
        self.signal_number = 0
        self.immediate = False

    def __bool__(self) -> bool:
        return self.signal_number != 0

    def handle(self, signal_number: int, frame: FrameType | None) -> None:
        """The signal handler: the first signal is recorded, a second Ctrl-C raises KeyboardInterrupt."""
        if self.signal_number and signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal_number = self.signal_number or signal_number
        if self.immediate:
            self.raise_if_set("Training had not started.")

    def raise_if_set(self, outcome: str = "") -> None:
        """Raise Interrupted if a signal has arrived.

        - outcome: a sentence for the user about what was saved.

        The exit code is 128 plus the signal's number, as shells and schedulers expect.
        """
        if self.signal_number:
            name = signal.Signals(self.signal_number).name
            raise Interrupted(f"Stopped by {name}. {outcome}".strip(), 128 + self.signal_number)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Within this block SIGINT, SIGTERM and SIGHUP are recorded instead of ending the process.

    An ignored SIGHUP, as under `nohup`, remains ignored.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # Python allows only the main thread to set handlers
        yield request
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # Windows has none
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, request.handle) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
