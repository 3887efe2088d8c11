"""The connection to a visdom server: a thread that sends the newest of everything whenever somebody listens."""

import logging
import math
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from dominate import tags

from pixlate.util.html import visible
from pixlate.util.image_io import Pixels8

RETRY = 30.0  # seconds until the next look for a server that did not answer
PATIENCE = 5.0  # seconds that a connection, an answer or the last words may take


@dataclass(frozen=True)
class Curves:
    """A window of curves: (epoch and its fraction, value) by name."""

    window: str
    title: str
    lines: dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class Panel:
    """A window with an image, shown `width` pixels wide."""

    window: str
    title: str
    pixels: Pixels8
    width: int


@dataclass(frozen=True)
class Labels:
    """A window with a table of labels, laid out as the images of a grid are."""

    window: str
    title: str
    rows: list[list[str]]


class VisdomServer(threading.Thread):
    """Keeps the newest content of each window and sends it when it can.

    When no server answers, one line on stderr says so; the next look is `RETRY` seconds later. Memory stays
    bounded, for newer content replaces older, and a server that comes late or restarts is given everything.
    """

    def __init__(self, server: str, port: int, env: str, *, retry: float = RETRY) -> None:
        super().__init__(name="visdom", daemon=True)
        parts = urlsplit(server if "//" in server else f"http://{server}")
        self._address = (parts.hostname or "localhost", port)
        self._url, self._env, self._retry = f"{parts.scheme}://{parts.netloc}", env, retry
        self._windows: dict[str, Curves | Panel | Labels] = {}
        self._unsent: set[str] = set()
        self._wake = threading.Condition()
        self._closing = False
        self._client: Any = None
        self._complained = False

    def draw(self, curves: Curves) -> None:
        """Have curves shown."""
        self._put(curves)

    def show(self, panel: Panel, *, labels: Sequence[str] = (), labels_window: str = "", columns: int = 1) -> None:
        """Have an image shown, and the labels of its parts."""
        self._put(panel)
        if labels_window:
            rows = [list(labels[start : start + columns]) for start in range(0, len(labels), columns)]
            self._put(Labels(labels_window, f"{panel.title} labels", rows))

    def close(self) -> None:
        """Send what is left where a server listens, and end; without one, end at once."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if not self._complained:
            self.join(PATIENCE)

    def run(self) -> None:
        """Send what is new, and look for the server when it is missing."""
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._unsent or self._closing)
                if self._closing and (self._complained or not self._unsent):
                    return
                waiting = [self._windows[name] for name in sorted(self._unsent)]
                self._unsent.clear()
            try:
                self._connect()
                for content in waiting:
                    _send(self._client, content)
            except Exception as error:
                self._lose(error)

    def _put(self, content: Curves | Panel | Labels) -> None:
        with self._wake:
            self._windows[content.window] = content
            self._unsent.add(content.window)
            self._wake.notify()

    def _connect(self) -> None:
        if self._client is not None:
            return
        socket.create_connection(self._address, timeout=PATIENCE).close()
        self._client = _client(self._url, self._address[1], self._env)
        self._complained = False

    def _lose(self, error: Exception) -> None:
        """Say once that the server is away, keep everything for it, and wait a while."""
        self._client = None
        if not self._complained:
            self._complained = True
            where = f"{self._address[0]}:{self._address[1]}"
            print(
                f"visdom: no server answers at {where} ({_cause(error)}): nothing is shown there until one does. "
                "--display_id 0 turns this off.",
                file=sys.stderr,
            )
        end = time.monotonic() + self._retry
        with self._wake:
            self._unsent.update(self._windows)
            while not self._closing and time.monotonic() < end:
                self._wake.wait(end - time.monotonic())


def _client(url: str, port: int, env: str) -> Any:
    """visdom's client, except that no answer is waited for without end."""
    logging.getLogger("visdom").setLevel(logging.ERROR)  # it warns about every session that it opens
    from visdom import Visdom

    def post(self: Any, url: str, data: Any = None) -> Any:
        return self.session.post(url, data=data or {}, timeout=PATIENCE).text

    patient: Any = type("Patient", (Visdom,), {"_handle_post": post})
    return patient(server=url, port=port, env=env, use_incoming_socket=False, raise_exceptions=True)


def _send(client: Any, content: Curves | Panel | Labels) -> None:
    options: dict[str, Any] = {"title": content.title}
    if isinstance(content, Curves):
        longest = max(len(line) for line in content.lines.values())
        xs, ys = (
            np.array([[point[axis] for point in _padded(line, longest)] for line in content.lines.values()]).T
            for axis in (0, 1)
        )
        options |= {"legend": list(content.lines), "xlabel": "epoch", "ylabel": "loss"}
        client.line(X=xs, Y=ys, win=content.window, opts=options)
    elif isinstance(content, Panel):
        height, width = content.pixels.shape[:2]
        options |= {"width": content.width, "height": round(content.width * height / width)}
        client.image(content.pixels.transpose(2, 0, 1), win=content.window, opts=options)
    else:
        cells = [tags.tr([tags.td(visible(label)) for label in row]) for row in content.rows]
        client.text(tags.table(cells).render(), win=content.window, opts=options)


def _padded(line: list[tuple[float, float]], length: int) -> list[tuple[float, float]]:
    """A curve of that length: one that began later starts with gaps."""
    start = line[0][0] if line else 0.0
    return [(start, math.nan)] * (length - len(line)) + line


def _cause(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
