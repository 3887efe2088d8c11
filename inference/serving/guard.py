"""What holds for every request and every answer: whom the server answers, and which headers it sends."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from .limits import Receive
from .problems import Problem, internal

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("localhost", "127.0.0.1", "::1")
DRAIN_SECONDS, DRAIN_BYTES = 2.0, 2**23  # of a body that nobody wants
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"  # the policy of every answer that is no page


@dataclass(frozen=True)
class Access:
    """Whom the server answers.

    - hosts: the names in the header Host; empty for any. A page of another name whose address was made to point here
      (DNS rebinding) is not answered.
    - origins: of pages of other servers whose scripts may use the API.
    """

    hosts: Sequence[str] = LOOPBACK
    origins: Sequence[str] = ()

    def check(self, method: str, host: str, origin: str) -> None:
        """Raise Problem for a request that is not answered."""
        if self.hosts and _host_name(host) not in {name.lower() for name in self.hosts}:
            reason = f"This server is not '{host[:100]}': use http://localhost, or start it with --allow_host."
            raise Problem(421, "host", reason)
        own = origin.lower().partition("://")[2] == host.lower()
        if origin and method not in ("GET", "HEAD", "OPTIONS") and not own and origin not in self.origins:
            raise Problem(403, "origin", f"Pages of '{origin[:100]}' may not use this server (--allow_origin).")


class Guard:
    """An application that checks a request before the one behind it is called, and completes its answers.

    Where an answer comes before the body of its request, the rest of the body is read for a while, since the client
    would otherwise lose the answer, and the connection is closed.
    """

    def __init__(self, app: App, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, receive, send, bool(self._access.origins))
        try:
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            self._access.check(scope["method"], headers.get(b"host", ""), headers.get(b"origin", ""))
            await self._app(scope, answer.receive, answer.send)
        except Problem as problem:
            await answer.refuse(problem)
        except Exception as error:
            if not answer.started:
                await answer.refuse(internal(error))


class _Answer:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, shared: bool) -> None:
        self._receive, self._send, self._shared = receive, send, shared
        headers = dict(scope["headers"])
        self._asks_first = b"100-continue" in headers.get(b"expect", b"").lower()  # has not sent its body yet
        self._unread = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
        self.started = False

    async def receive(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._asks_first = False
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._unread = False
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = {name.lower(): value for name, value in message.get("headers", [])}
            added = {**HEADERS, "content-security-policy": NOTHING}
            added["cross-origin-resource-policy"] = "cross-origin" if self._shared else "same-origin"
            for name, value in added.items():
                headers.setdefault(name.encode(), value.encode())
            if self._unread:
                headers[b"connection"] = b"close"
                await self._drain()
            message["headers"] = list(headers.items())
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        """Answer with a problem."""
        content = json.dumps(asdict(problem.body)).encode()
        headers = {"content-type": "application/json", "content-length": str(len(content)), **problem.headers}
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": problem.status, "headers": pairs})
        await self.send({"type": "http.response.body", "body": content})

    async def _drain(self) -> None:
        count = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._unread and not self._asks_first and count < DRAIN_BYTES:
                    count += len((await self.receive()).get("body", b""))


def _host_name(host: str) -> str:
    """The name in a header Host, without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
