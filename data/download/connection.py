"""HTTP requests to untrusted servers: to http and https alone, and answered within a bounded time."""

import io
import socket
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO, Any
from urllib.error import HTTPError, URLError

from pixlate.util.text import escaped

TIMEOUT = 30.0  # seconds without receiving a byte
ANSWER_SECONDS = 90.0  # until the headers are received, however slowly their bytes arrive


def open_url(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    """The server's answer, after at most ten redirections.

    Raises HTTPError for an answer that is an error, and for anything else that goes wrong an error of any type.
    """
    request = urllib.request.Request(url, headers=dict(headers))
    opener = urllib.request.build_opener(_HTTPHandler, _HTTPSHandler, _RedirectHandler)
    response: HTTPResponse = opener.open(request, timeout=TIMEOUT)
    return response


def cause(error: BaseException) -> str:
    """Why a request failed, on one line: what a server or a proxy says in it is escaped and shortened."""
    if isinstance(error, HTTPError):
        return escaped(f"{error.code} {error.reason}", 200)
    if isinstance(error, URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, OSError) and error.strerror:
        return escaped(error.strerror, 200)
    return escaped(" ".join(str(error).split()), 200) or "no answer"


@contextmanager
def _within(connection: HTTPConnection, seconds: float) -> Iterator[None]:
    """Within this block the connection's socket is shut down after some time; a timeout counts from the last byte."""

    expired = threading.Event()

    def shut_down() -> None:
        expired.set()
        with suppress(OSError, AttributeError):  # it may be closed already, or not connected yet
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if expired.is_set():  # http.client takes headers that end with the connection for whole ones
        raise TimeoutError("the answer arrives too slowly")


class _Connection(HTTPConnection):
    def connect(self) -> None:
        with _within(self, ANSWER_SECONDS):
            super().connect()

    def getresponse(self) -> HTTPResponse:
        with _within(self, ANSWER_SECONDS):
            return super().getresponse()


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Connection, request)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, request)


class _RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows redirections to http and https only; urllib's own follows ftp too, and reads all of their bodies."""

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> Any:
        fp.close()  # its body may have no end
        return super().http_error_302(req, io.BytesIO(), code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, request: urllib.request.Request, file: Any, code: int, message: str, headers: Any, url: str
    ) -> urllib.request.Request | None:
        if not url.lower().startswith(("http://", "https://")):
            raise URLError(f"it redirects to '{url}', which is neither http nor https")
        return super().redirect_request(request, file, code, message, headers, url)
