"""A server of files that fails on purpose, and archives for it."""

import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

IMAGES = {"facades/train/1.jpg": os.urandom(300_000), "facades/val/2.jpg": b"two", "facades/notes.txt": b"notes"}


class Server(ThreadingHTTPServer):
    """Serves bytes by path, with ranges; it can break connections and change its files."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.version = "1"
        self.breaks: list[int] = []  # bytes after which the next answers stop
        self.ranges: list[str] = []  # the Range header of every request, empty where it has none
        self.address = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        data = self.server.files.get(self.path.lstrip("/"))
        if self.path == "/SHA256SUMS" and data is None:  # a mirror may have checksums
            self.send_error(404)
            return
        requested = self.headers.get("Range", "")
        self.server.ranges.append(requested)
        if data is None:
            self.send_error(404)
            return
        start = 0
        if requested and self.headers.get("If-Range") == f'"{self.server.version}"':
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{self.server.version}"')
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        stop = self.server.breaks.pop(0) if self.server.breaks else len(data)
        self.wfile.write(data[start : start + stop])

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """Within this block the server runs."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def tar(files: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda entry: None) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            change(entry)
            archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
