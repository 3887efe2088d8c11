"""Measures `pixlate serve` under load on loopback: good clients among bombs, rubbish, slow ones and ones that leave.

    python -m benchmarks.serving --clients 100 --waves 3

Every answer is compared with what `pixlate.load` gives for the image. A good client that is refused with 503 waits for
the seconds in Retry-After and asks again. The table shows the answers of each kind of client; then the server's memory
before the waves and after each. Needs the group `serve`.
"""

import asyncio
import io
import os
import random
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import httpx
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
MAX_BYTES, MAX_PIXELS, TIMEOUT, QUEUE = 1_000_000, 256 * 256, 5, 16
SIZES = ((256, 256), (128, 128), (200, 100), (64, 190), (1, 1))
RETRIES = 50
#: Of ten clients that follow each other.
KINDS = ("good", "good", "bomb", "good", "rubbish", "good", "truncated", "good", "oversized", "leaving")


@dataclass
class Tally:
    """What happened to the requests of one kind of client."""

    answers: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Load:
    """The address of the model, and good requests with the pixels of their answers."""

    address: str
    good: list[tuple[str, bytes, np.ndarray[Any, Any]]]

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        url = httpx.URL(self.address)
        return url.host, url.port or 80


def make_run(folder: Path, ngf: int) -> Path:
    """The folder of a model that was never trained: pix2pix with dropout, batch norm and a U-Net."""
    import torch

    import pixlate
    from pixlate.options.command.stored import StoredRun, write_stored

    options = {"netG": "unet_128", "norm": "batch", "dropout": True, "ngf": ngf}
    run = folder / "load"
    run.mkdir()
    torch.manual_seed(0)
    networks = pixlate.create_model("pix2pix", train=False, **options).networks
    torch.save(networks["G"].state_dict(), run / "latest_net_G.pth")
    write_stored(run, StoredRun({"model": "pix2pix", **options}))
    return run


def good_requests(run: Path) -> list[tuple[str, bytes, np.ndarray[Any, Any]]]:
    """Images of several sizes and formats with their translations."""
    import pixlate

    translate = pixlate.load(run, device="cpu")
    rng = np.random.default_rng(0)
    found = []
    for number, size in enumerate(SIZES):
        kind = ("PNG", "JPEG", "WEBP")[number % 3]
        name = f"{number}.{kind.lower()}"
        data = io.BytesIO()
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.BICUBIC).save(data, kind)
        with Image.open(data) as image:
            found.append((name, data.getvalue(), np.asarray(translate(image, name=name))))
    return found


@contextmanager
def served(run: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Within this block a process serves the run; gives its address and the number of the process."""
    limits = ("--max_bytes", MAX_BYTES, "--max_pixels", MAX_PIXELS, "--timeout", TIMEOUT, "--queue", QUEUE)
    words = ["serve", run, "--port", 0, "--device", "cpu", *limits, *options]
    command = [sys.executable, "-m", "pixlate", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIXLATE_PLUGINS": ""}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = line.partition(" at ")[2].partition(" ")[0]
        if not address:
            raise click.ClickException(f"the server did not start: {line}")
        yield f"{address}v1/models/{run.name}/translate", process.pid
        process.send_signal(signal.SIGTERM)
        code = process.wait(40)
        if code != 143:
            raise click.ClickException(f"the server ended with {code}")
    finally:
        process.kill()
        process.communicate()


def bomb() -> bytes:
    """A PNG file of 600 bytes that claims 60,000 × 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(bytes(500_000)), b"IEND"]
    sized = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(sized)


async def ask_well(load: Load, client: httpx.AsyncClient, number: int, tally: Tally) -> None:
    """A good request, again after each 503."""
    name, content, expected = load.good[number % len(load.good)]
    start = time.perf_counter()
    for _ in range(RETRIES):
        sent = {"Content-Type": "application/octet-stream"}
        response = await client.post(load.address, params={"name": name}, content=content, headers=sent)
        tally.answers[str(response.status_code)] += 1
        if response.status_code == 200:
            tally.seconds.append(time.perf_counter() - start)
            with Image.open(io.BytesIO(response.content)) as image:
                tally.wrong += not np.array_equal(np.asarray(image), expected)
            return
        if response.status_code != 503 or "retry-after" not in response.headers:
            break
        await asyncio.sleep(int(response.headers["retry-after"]) * random.uniform(0.5, 1))
    tally.lost += 1


def refused(content: Callable[[Load], bytes], statuses: tuple[int, ...]) -> Callable[..., Awaitable[None]]:
    """A client whose request must be refused with one of the statuses, and a reason."""

    async def ask(load: Load, client: httpx.AsyncClient, number: int, tally: Tally) -> None:
        start = time.perf_counter()
        response = await client.post(load.address, content=content(load), headers={"Content-Type": "image/png"})
        tally.seconds.append(time.perf_counter() - start)
        tally.answers[str(response.status_code)] += 1
        tally.wrong += response.status_code not in (*statuses, 503) or not response.json()["reason"]

    return ask


async def ask_slowly(load: Load, client: httpx.AsyncClient, number: int, tally: Tally) -> None:
    """A client that sends its head, or its body, byte by byte: it must be cut off."""
    start = time.perf_counter()
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 90000\r\n"
    head = head.replace(b" / ", b" " + httpx.URL(load.address).raw_path + b" ")
    reader, writer = await asyncio.open_connection(*load.place)
    writer.write(head + (b"\r\n" if number % 2 else b""))
    answer = b""
    try:
        while time.perf_counter() - start < 60:
            writer.write(b"x")
            await writer.drain()
            try:
                answer += await asyncio.wait_for(reader.read(1000), 0.3)
            except TimeoutError:
                continue
            break
        else:
            tally.wrong += 1
    except OSError:
        pass
    writer.close()
    tally.seconds.append(time.perf_counter() - start)
    tally.answers[answer[9:12].decode() or "closed"] += 1


async def leave(load: Load, client: httpx.AsyncClient, number: int, tally: Tally) -> None:
    """A client that goes before it has its answer."""
    _, content, _ = load.good[0]
    try:
        await asyncio.wait_for(client.post(load.address, content=content, headers={"Content-Type": "image/png"}), 0.05)
        tally.answers["answered"] += 1
    except (TimeoutError, httpx.HTTPError):
        tally.answers["left"] += 1


CLIENTS: Mapping[str, Callable[..., Awaitable[None]]] = {
    "good": ask_well,
    "bomb": refused(lambda load: bomb(), (413,)),
    "rubbish": refused(lambda load: os.urandom(5000), (422,)),
    "truncated": refused(lambda load: load.good[0][1][:-200], (422,)),
    "oversized": refused(lambda load: bytes(3 * MAX_BYTES), (413,)),
    "leaving": leave,
    "slow": ask_slowly,
}


async def wave(load: Load, clients: int, requests: int, tallies: Mapping[str, Tally]) -> None:
    """All clients at once, each with so many requests, and one in twenty more that are slow."""

    async def act(number: int) -> None:
        kind = KINDS[number % len(KINDS)] if number < clients else "slow"
        async with httpx.AsyncClient(timeout=120) as client:
            for step in range(requests if kind != "slow" else 1):
                try:
                    await CLIENTS[kind](load, client, number + step, tallies[kind])
                except httpx.HTTPError as error:
                    tallies[kind].answers[type(error).__name__] += 1
                    tallies[kind].lost += 1

    await asyncio.gather(*(act(number) for number in range(clients + clients // 20)))


def memory_of(process: int) -> float:
    """The resident memory of a process in MiB; NaN where there is no /proc."""
    return _status(process, "VmRSS")


def peak_of(process: int) -> float:
    """The most resident memory that it ever had, in MiB."""
    return _status(process, "VmHWM")


def _status(process: int, name: str) -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def measure(run: Path, clients: int, requests: int, waves: int) -> tuple[dict[str, Tally], list[float], float]:
    """The tallies by kind of client, the memory before the waves and after each, and its peak, in MiB."""
    tallies = {kind: Tally() for kind in CLIENTS}
    with served(run) as (address, process):
        load = Load(address, good_requests(run))
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # beside one that this thread may have
            runner.run(wave(load, 10, 1, {kind: Tally() for kind in CLIENTS}))  # what is kept from the first ones on
            memory = [memory_of(process)]
            for _ in range(waves):
                runner.run(wave(load, clients, requests, tallies))
                time.sleep(1)
                memory.append(memory_of(process))
        return tallies, memory, peak_of(process)


@click.command()
@click.option("--clients", default=100, show_default=True, help="at once")
@click.option("--requests", default=5, show_default=True, help="of each client in a wave")
@click.option("--waves", default=3, show_default=True, help="how often all clients come")
@click.option("--ngf", default=16, show_default=True, help="size of the model, a U-Net that was never trained")
def main(clients: int, requests: int, waves: int, ngf: int) -> None:
    """Start a server, send the load, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        tallies, memory, peak = measure(make_run(Path(folder), ngf), clients, requests, waves)
        seconds = time.perf_counter() - start
    click.echo("| client | requests | answers | wrong | lost | median | 95 % |")
    click.echo("| --- | ---: | --- | ---: | ---: | ---: | ---: |")
    for kind, tally in tallies.items():
        times = sorted(tally.seconds) or [0.0]
        answers = ", ".join(f"{status}: {count}" for status, count in sorted(tally.answers.items()))
        cells = (kind, sum(tally.answers.values()), answers, tally.wrong, tally.lost)
        late = times[int(0.95 * (len(times) - 1))]
        click.echo(f"| {' | '.join(map(str, cells))} | {statistics.median(times):.2f} s | {late:.2f} s |")
    used = ", ".join(f"{each:.0f}" for each in memory)
    click.echo(f"\n{seconds:.0f} s; memory of the server: {used} MiB, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
