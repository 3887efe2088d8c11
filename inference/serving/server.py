"""Serves an application until it is told to stop."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial

import uvicorn

from pixlate.errors import OptionError
from pixlate.util.text import one_line

from .connection import Connection
from .guard import App

GRACE = 30  # seconds in which requests that are being answered may end, once the server is told to stop
KEEP_ALIVE = 5  # seconds that a connection stays open without a request
BACKLOG = 128


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises OptionError where the port is in use or not allowed, or the host is not one of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(BACKLOG)
        except OSError:
            found.close()
            raise
    except (socket.gaierror, UnicodeError):  # a name longer than names can be
        raise OptionError(
            f"--host '{host}' is no address of this machine: use 127.0.0.1, or 0.0.0.0 for all."
        ) from None
    except OSError as error:
        problem = (error.strerror or one_line(error)).lower()
        raise OptionError(
            f"--port {port} of {host} cannot be used ({problem}): choose another one, or 0 for any free one."
        ) from None
    return found


def serve(
    app: App, sock: socket.socket, *, timeout: float, ready: Callable[[], None], stopped: Callable[[], bool]
) -> None:
    """Answer requests until `stopped` says so, or SIGINT or SIGTERM arrives.

    Requests that are being answered then have `GRACE` seconds to end. The signal is raised again afterwards, for the
    handler that was set before.

    - timeout: seconds in which a client must take its answer; ready: called once requests are answered.
    """
    config = uvicorn.Config(
        app,
        http=partial(Connection, timeout),  # type: ignore[arg-type,unused-ignore]
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # what concerns a request is in its answer
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        backlog=BACKLOG,
    )
    # Not `asyncio.run`, which would drop, unclosed, the loop that dominate has made for this thread.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_serve(uvicorn.Server(config), sock, ready, stopped))


async def _serve(
    server: uvicorn.Server, sock: socket.socket, ready: Callable[[], None], stopped: Callable[[], bool]
) -> None:
    running = asyncio.ensure_future(server.serve([sock]))
    while not server.started and not running.done():
        await asyncio.sleep(0.01)
    if server.started:
        ready()
    while not running.done():
        if stopped():
            server.should_exit = True
        await asyncio.wait({running}, timeout=0.1)
    await running
