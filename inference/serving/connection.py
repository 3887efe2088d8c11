"""Connections that end where a client keeps the server waiting."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 512
HEAD_SECONDS = 10.0  # for the head of a request, from its first byte or the opening of the connection
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: 62\r\n\r\n"
    b'{"error": "busy", "reason": "There are too many connections."}'
)


class Connection(asyncio.Protocol):
    """uvicorn's protocol, which by itself waits for ever for the head of a request, and for an answer to be taken.

    - seconds: in which an answer must be taken; given: what uvicorn gives its protocols.
    """

    def __init__(self, seconds: float, **given: Any) -> None:
        self._inner: Any = H11Protocol(**given)
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._transport: Any = None
        self._refused = False
        self._check: asyncio.TimerHandle | None = None
        self._since_head = self._since_answer = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if len(self._inner.connections) >= MAX_CONNECTIONS:
            self._refused = True
            self._transport.write(REFUSAL)
            self._transport.close()
            return
        self._inner.connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            self._inner.data_received(data)

    def eof_received(self) -> None:
        if not self._refused:
            self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._check:
            self._check.cancel()
        if not self._refused:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if not self._refused:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if not self._refused:
            self._inner.resume_writing()

    def _watch(self) -> None:
        """Once a second: close a connection that has been waited for."""
        now, cycle = self._loop.time(), self._inner.cycle
        if cycle is not None and not cycle.response_complete:
            self._since_head = now
        if not self._transport.get_write_buffer_size():
            self._since_answer = now
        if now - self._since_head > HEAD_SECONDS or now - self._since_answer > self._seconds:
            self._transport.abort()
            return
        self._check = self._loop.call_later(1.0, self._watch)
