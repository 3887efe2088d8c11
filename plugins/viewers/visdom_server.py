"""Sends windows to a visdom server from a thread.

visdom's client waits for every answer and prints a stack trace for every failure: a slow server would stall the
training, and a missing one would fill the terminal.
"""

import logging
import math
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from dominate import tags

from pixlate.util.html import visible
from pixlate.util.image_io import ImageArray

RETRY = 30.0  # seconds between two attempts to connect
TIMEOUT = 5.0  # seconds for a connection, for an answer, and for sending the remaining windows at the end

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Curves:
    """A window with curves: by name, points (x, y), where x is the epoch with its fraction and y is a `quantity`."""

    window: str
    title: str
    lines: dict[str, list[tuple[float, float]]]
    quantity: str = "loss"


@dataclass(frozen=True)
class Panel:
    """A window with an image, displayed `width` pixels wide."""

    window: str
    title: str
    image: ImageArray
    width: int


@dataclass(frozen=True)
class Labels:
    """A window with a table of texts: of labels, in the rows and columns of the images of a grid."""

    window: str
    title: str
    rows: list[list[str]]


Content = Curves | Panel | Labels


class VisdomServer(threading.Thread):
    """A thread that keeps the newest content of each window, and sends it when a server answers.

    When none answers, one warning is logged unless `warn` is false, and the connection is tried again every `retry`
    seconds. Newer content of a window replaces older content, so that memory is bounded; a server that starts late or
    restarts receives every window.
    """

    def __init__(self, server: str, port: int, env: str, *, retry: float = RETRY, warn: bool = True) -> None:
        super().__init__(name="visdom", daemon=True)  # a daemon: a server that hangs must not keep the process alive
        address = urlsplit(server if "//" in server else f"http://{server}")
        self._address = (address.hostname or "localhost", port)
        self._level = logging.WARNING if warn else logging.DEBUG
        self._url, self._env, self._retry = f"{address.scheme}://{address.netloc}", env, retry
        self._condition = threading.Condition()  # guards the next three attributes, and wakes the thread
        self._windows: dict[str, Content] = {}
        self._unsent: set[str] = set()
        self._closing = False
        self._client: Any = None
        self._offline = False  # no server answered, and a warning was logged

    def draw(self, curves: Curves) -> None:
        """Show curves in their window."""
        self._put(curves)

    def show(self, panel: Panel, *, labels: Sequence[str] = (), labels_window: str = "", columns: int = 1) -> None:
        """Show an image in its window, and in another one the labels of the images that it is a grid of."""
        self._put(panel)
        if labels_window:
            rows = [list(labels[start : start + columns]) for start in range(0, len(labels), columns)]
            self._put(Labels(labels_window, f"{panel.title} labels", rows))

    def tell(self, texts: Labels) -> None:
        """Show texts in their window."""
        self._put(texts)

    def close(self) -> None:
        """Send the remaining windows, for at most `TIMEOUT` seconds, and end the thread; at once without a server."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if not self._offline:
            self.join(TIMEOUT)

    def run(self) -> None:
        """The thread: sends new content until `close`, and connects again after a failure."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._unsent or self._closing)
                if self._closing and (self._offline or not self._unsent):
                    return
                # Sent outside of the lock, so that a slow server does not block the training in `_put`.
                contents = [self._windows[window] for window in sorted(self._unsent)]
                self._unsent.clear()
            try:
                self._connect()
                for content in contents:
                    _send(self._client, content)
            except Exception as error:  # visdom and its libraries raise errors of many classes
                self._disconnect(error)

    def _put(self, content: Content) -> None:
        with self._condition:
            self._windows[content.window] = content
            self._unsent.add(content.window)
            self._condition.notify()

    def _connect(self) -> None:
        if self._client is not None:
            return
        # A plain connection first: where nothing listens it fails at once and silently; visdom's client does neither.
        socket.create_connection(self._address, timeout=TIMEOUT).close()
        self._client = _client(self._url, self._address[1], self._env)
        self._offline = False

    def _disconnect(self, error: Exception) -> None:
        """Warn once that no server answers, mark every window as unsent, and wait for the next attempt."""
        self._client = None
        if not self._offline:
            self._offline = True
            address = f"{self._address[0]}:{self._address[1]}"
            log.log(
                self._level,
                f"no visdom server answers at {address} ({_cause(error)}): nothing is shown there until one does. "
                "--display_id 0 turns this off.",
            )
        end = time.monotonic() + self._retry
        with self._condition:
            self._unsent.update(self._windows)
            while not self._closing and time.monotonic() < end:
                self._condition.wait(end - time.monotonic())


def _client(url: str, port: int, env: str) -> Any:
    """visdom's client, with a timeout for every request, which it does not have by itself."""
    logging.getLogger("visdom").setLevel(logging.ERROR)  # it logs a warning for every session
    from visdom import Visdom

    def post(self: Any, url: str, data: Any = None) -> Any:
        return self.session.post(url, data=data or {}, timeout=TIMEOUT).text

    # Defined here, because visdom may not be installed; by `type()`, because it has no types for mypy.
    client: Any = type("ClientWithTimeout", (Visdom,), {"_handle_post": post})
    return client(server=url, port=port, env=env, use_incoming_socket=False, raise_exceptions=True)


def _send(client: Any, content: Content) -> None:
    options: dict[str, Any] = {"title": content.title}
    if isinstance(content, Curves):
        length = max(len(line) for line in content.lines.values())
        lines = [_padded(line, length) for line in content.lines.values()]
        xs, ys = (np.array([[point[axis] for point in line] for line in lines]).T for axis in (0, 1))
        options |= {"legend": list(content.lines), "xlabel": "epoch", "ylabel": content.quantity}
        client.line(X=xs, Y=ys, win=content.window, opts=options)
    elif isinstance(content, Panel):
        height, width = content.image.shape[:2]
        options |= {"width": content.width, "height": round(content.width * height / width)}
        client.image(content.image.transpose(2, 0, 1), win=content.window, opts=options)
    else:
        cells = [tags.tr([tags.td(visible(label)) for label in row]) for row in content.rows]
        client.text(tags.table(cells).render(), win=content.window, opts=options)


def _padded(line: list[tuple[float, float]], length: int) -> list[tuple[float, float]]:
    """A curve with NaN in front up to `length` points: visdom takes curves of one length, and some start later."""
    start = line[0][0] if line else 0.0
    return [(start, math.nan)] * (length - len(line)) + line


def _cause(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
