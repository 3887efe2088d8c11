"""Runs of tiny untrained models to serve, requests for them, and a server on loopback."""

import asyncio
import io
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pixlate
from pixlate.options.command.stored import StoredRun, write_stored

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
httpx = pytest.importorskip("httpx", reason="needs httpx")

PALETTE = ((0, 0, 0), (200, 30, 30), (30, 200, 30), (240, 240, 240))
PHOTOGRAPH = {"kind": "image"}


def make_run(folder: Path, model: str, fields: Mapping[str, Any] | None = None, **options: Any) -> Path:
    """A run's folder with the weights of a model that was never trained."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    values = {"ngf": 2, "netG": "resnet_6blocks", **options}
    stored = StoredRun({"model": model, **values}, fields=fields or {})
    known = stored.read_fields()
    for name, net in pixlate.create_model(model, train=False, fields=known or None, **values).networks.items():
        torch.save(net.state_dict(), folder / f"latest_net_{name}.pth")
    write_stored(folder, stored)
    return folder


def make_runs(folder: Path) -> list[str]:
    """pix2pix with dropout and batch norm, CycleGAN, and pix2pix of labels."""
    labels = {"kind": "labels", "classes": 4, "palette": [list(colour) for colour in PALETTE]}
    runs = [
        make_run(folder / "paired", "pix2pix", netG="unet_128", norm="batch", dropout=True),
        make_run(folder / "cycle", "cycle_gan", norm="instance", dropout=False),
        make_run(folder / "labels", "pix2pix", {"A": labels, "B": PHOTOGRAPH}, input_nc=4),
    ]
    return [str(run) for run in runs]


def noise(width: int = 40, height: int = 24, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """An image of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def pixels_of(content: bytes) -> np.ndarray[Any, Any]:
    """The pixels of an image file."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


class Client:
    """Asks an application in this process, without a connection."""

    def __init__(self, app: Any, address: str = "http://localhost:8000") -> None:
        self._app, self._address = app, address

    def get(self, path: str, **given: Any) -> Any:
        """The answer to a GET request."""
        return self._run("GET", path, given)

    def post(self, path: str, **given: Any) -> Any:
        """The answer to a POST request."""
        return self._run("POST", path, given)

    def options(self, path: str, **given: Any) -> Any:
        """The answer to an OPTIONS request, which browsers send before some requests of other sites."""
        return self._run("OPTIONS", path, given)

    def _run(self, method: str, path: str, given: dict[str, Any]) -> Any:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # beside one that this thread may have
            return runner.run(self._ask(method, path, given))

    async def _ask(self, method: str, path: str, given: dict[str, Any]) -> Any:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=self._address, timeout=60) as client:
            return await client.request(method, path, **given)


async def in_parts(*parts: bytes) -> AsyncIterator[bytes]:
    """The content of a request whose length is not known before."""
    for part in parts:
        yield part


@contextmanager
def serving(app: Any, timeout: float = 10) -> Iterator[int]:
    """Within this block the application answers on loopback; gives the port."""
    from pixlate.inference.serving.server import listening, serve

    ready, stop = threading.Event(), threading.Event()
    sock = listening("127.0.0.1", 0)
    port = sock.getsockname()[1]
    settings = {"timeout": timeout, "ready": ready.set, "stopped": stop.is_set}
    thread = threading.Thread(target=serve, args=(app, sock), kwargs=settings)
    thread.start()
    assert ready.wait(20)
    try:
        yield port
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def talk(port: int, *parts: bytes, pause: float = 0.0, seconds: float = 10) -> bytes:
    """Send bytes over a connection of one's own, with pauses between them; returns all that comes back."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while data := connection.recv(2**16):
                received += data
        except (ConnectionError, TimeoutError):
            pass
    return received
