"""The limits of a server, and the reception of a request's body within them."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from .problems import Problem

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]  # ASGI's: the next message of the client
CLIENT_GONE = Problem(499, "client_gone", "The client has gone.")  # nobody reads it


@dataclass(frozen=True)
class Limits:
    """What a request may ask of the server.

    - max_bytes: of the body; max_pixels: of the image, and of the image padded to a size that the model takes.
    - timeout: seconds until the whole body is here, then until its translation begins, then until the answer is taken.
    - queue: requests that wait, beside the one that is translated; as many may be received at the same time.
    """

    max_bytes: int = 20 * 2**20
    max_pixels: int = 2048 * 2048
    timeout: float = 60.0
    queue: int = 32


class Body:
    """The body of a request, received within the limits.

    - receive: ASGI's; length: the Content-Length, None where the client does not know it yet.
    """

    def __init__(self, receive: Receive, length: int | None, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._count = 0
        self._end = asyncio.get_running_loop().time() + limits.timeout
        if length is not None and length > limits.max_bytes:
            raise self._too_large(f"{length} bytes")

    async def receive(self) -> MutableMapping[str, Any]:
        """The next message. Raises Problem for a body that is too large or too slow."""
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            seconds = f"{self._limits.timeout:g} s"
            raise Problem(408, "slow_body", f"The image did not arrive within {seconds} (--timeout).") from None
        if message["type"] == "http.disconnect":
            raise CLIENT_GONE
        self._count += len(message.get("body", b""))
        if self._count > self._limits.max_bytes:
            raise self._too_large(f"more than {self._limits.max_bytes} bytes")
        return message

    async def save(self, write: Callable[[bytes], Any]) -> None:
        """Write the whole body. Raises Problem, also for an empty one."""
        more = True
        while more:
            message = await self.receive()
            write(message.get("body", b""))
            more = message.get("more_body", False)
        if not self._count:
            raise Problem(400, "empty_body", "The body of the request is empty: send the bytes of an image.")

    def _too_large(self, count: str) -> Problem:
        allowed = self._limits.max_bytes
        return Problem(413, "too_many_bytes", f"The body has {count}; this server takes {allowed} bytes (--max_bytes).")
