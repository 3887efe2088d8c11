"""`pixlate serve` and its clients: slow ones, ones that leave, too many of them, and the end of the server."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import file_of, httpx, make_run, noise, pixels_of, serving, talk
from trainings import run, start, until

import pixlate
from pixlate.inference.serving import connection, guard, images, service
from pixlate.inference.serving.app import create_app
from pixlate.inference.serving.guard import Access
from pixlate.inference.serving.limits import Limits
from pixlate.inference.serving.models import Served, load_models

HEAD = b"POST /v1/models/run/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", "cycle_gan", norm="instance", dropout=False)


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, Served]:
    return load_models(pixlate.get_plugins(), [str(folder)], epoch="latest", device="cpu")


class Gate:
    """In place of the translation: it waits until it is opened, and records the names of images."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun: list[str] = []

    def __call__(self, path: Path, translator: Any, name: str, wanted: str) -> images.Answer:
        self.begun.append(name)
        assert self.open.wait(20)
        return images.translate(path, translator, name, wanted)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(service, "translate", gate)
    yield gate
    gate.open.set()


def wait_for(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def post(port: int, name: str, found: dict[str, Any] | None = None) -> Any:
    address = f"http://127.0.0.1:{port}/v1/models/run/translate?name={name}"
    response = httpx.post(address, content=file_of(noise()), headers={"Content-Type": "image/png"}, timeout=30)
    if found is not None:
        found[name] = response
    return response


def in_threads(port: int, names: list[str], found: dict[str, Any]) -> list[threading.Thread]:
    threads = [threading.Thread(target=post, args=(port, name, found)) for name in names]
    for thread in threads:
        thread.start()
    return threads


def test_a_full_queue_refuses_and_says_when_to_come_again(models: dict[str, Served], gate: Gate, folder: Path) -> None:
    with service.Service(models, Limits(queue=2)) as served, serving(create_app(served, Access())) as port:
        found: dict[str, Any] = {}
        threads = in_threads(port, ["0"], found)
        wait_for(lambda: gate.begun)
        threads += in_threads(port, ["1", "2"], found)
        wait_for(lambda: served.worker.unfinished == 3)
        assert httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 503
        assert httpx.get(f"http://127.0.0.1:{port}/health").json()["unfinished"] == 3
        late = post(port, "late")
        assert (late.status_code, late.json()["error"]) == (503, "busy")
        assert 1 <= int(late.headers["retry-after"]) <= 60
        gate.open.set()
        for thread in threads:
            thread.join()
        expected = np.asarray(pixlate.load(folder, device="cpu")(noise()))
        assert all(np.array_equal(pixels_of(found[name].content), expected) for name in "012")
        assert post(port, "again").status_code == 200


def test_an_image_that_waits_too_long_is_not_translated(models: dict[str, Served], gate: Gate) -> None:
    with service.Service(models, Limits(timeout=0.5)) as served, serving(create_app(served, Access())) as port:
        found: dict[str, Any] = {}
        threads = in_threads(port, ["first"], found)
        wait_for(lambda: gate.begun)
        late = post(port, "late")
        assert (late.status_code, late.json()["error"]) == (504, "timeout")
        gate.open.set()
        threads[0].join()
        assert found["first"].status_code == 200  # it had begun
        assert post(port, "next").status_code == 200
        assert gate.begun == ["first", "next"]


def test_who_leaves_the_queue_is_forgotten(models: dict[str, Served], gate: Gate) -> None:
    with service.Service(models, Limits()) as served, serving(create_app(served, Access())) as port:
        threads = in_threads(port, ["first"], {})
        wait_for(lambda: gate.begun)
        content = file_of(noise())
        gone = HEAD.replace(b"translate", b"translate?name=gone") + b"Content-Length: %d\r\n\r\n" % len(content)
        leaving = threading.Thread(target=talk, args=(port, gone, content), kwargs={"seconds": 0.3})
        leaving.start()
        wait_for(lambda: served.worker.unfinished == 2)
        leaving.join()
        wait_for(lambda: served.worker.unfinished == 1)
        gate.open.set()
        threads[0].join()
        assert post(port, "next").status_code == 200
        assert gate.begun == ["first", "next"]
        assert list(Path(served._folder.name).iterdir()) == []


def test_slow_clients_are_cut_off(models: dict[str, Served], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.5)
    with service.Service(models, Limits(timeout=0.5)) as served, serving(create_app(served, Access())) as port:
        start_time = time.monotonic()
        assert talk(port) == b""  # says nothing
        assert talk(port, b"GET / HT") == b""  # half a head
        head = HEAD + b"Content-Length: 5000\r\n\r\n"
        answer = talk(port, head, *[b"x"] * 8, pause=0.2)
        assert b"408 Request Timeout" in answer
        assert b'"slow_body"' in answer
        assert served.receiving == 0
        assert time.monotonic() - start_time < 10
        assert post(port, "next").status_code == 200


def test_an_answer_that_nobody_takes_is_given_up(models: dict[str, Served], monkeypatch: pytest.MonkeyPatch) -> None:
    large = images.Answer(bytes(2**24), "image/png", (1, 1), {"read": 0.0})
    monkeypatch.setattr(service, "translate", lambda *_: large)
    content = file_of(noise())
    with (
        service.Service(models, Limits()) as served,
        serving(create_app(served, Access()), timeout=0.5) as port,
        socket.create_connection(("127.0.0.1", port)) as taker,
    ):
        taker.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(content) + content)
        time.sleep(2.5)
        taken = 0
        with suppress(ConnectionError):
            while data := taker.recv(2**20):
                taken += len(data)
        assert taken < 2**24


def test_a_body_that_nobody_wants_does_not_lose_the_answer(
    models: dict[str, Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "DRAIN_SECONDS", 0.5)
    with service.Service(models, Limits(max_bytes=10_000)) as served, serving(create_app(served, Access())) as port:
        for length, sent in ((4_000_000, 4_000_000), (10**12, 4_000_000), (20_000, 0)):
            answer = talk(port, HEAD + b"Content-Length: %d\r\n\r\n" % length, bytes(sent))
            assert b"413 " in answer
            assert b'"too_many_bytes"' in answer
            assert b"connection: close" in answer.lower()
        asked = talk(port, HEAD + b"Expect: 100-continue\r\nContent-Length: 20000\r\n\r\n")
        assert asked.startswith(b"HTTP/1.1 413")


def test_rubbish_is_no_request(models: dict[str, Served]) -> None:
    with service.Service(models, Limits()) as served, serving(create_app(served, Access())) as port:
        assert b"400 Bad Request" in talk(port, b"\x16\x03\x01rubbish\r\n\r\n")
        assert b"400 " in talk(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 1_000_000 + b"\r\n\r\n")
        assert post(port, "next").status_code == 200


def test_too_many_connections_are_refused(models: dict[str, Served], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 1)
    with (
        service.Service(models, Limits()) as served,
        serving(create_app(served, Access())) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as first,
    ):
        assert first.get("/health").status_code == 200
        second = httpx.get(f"http://127.0.0.1:{port}/health")
        assert (second.status_code, second.json()["error"]) == (503, "busy")
        assert second.headers["retry-after"] == "5"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_when_the_requests_have(folder: Path, tmp_path: Path, number: int) -> None:
    before = """
import time
from pixlate.inference.serving import service
translate = service.translate
def slowly(*given):
    time.sleep(1)
    return translate(*given)
service.translate = slowly
"""
    served = start("serve", folder, "--port", "0", "--device", "cpu", before=before, cwd=tmp_path)
    until(served, lambda: "Serving" in served.output)
    assert "warning" not in served.output
    port = int(served.output.partition("127.0.0.1:")[2].partition("/")[0])
    found: dict[str, Any] = {}
    (thread,) = in_threads(port, ["a"], found)
    time.sleep(0.5)
    served.send(number)
    assert served.wait(20) == 128 + number, served.output
    thread.join()
    assert found["a"].status_code == 200
    assert f"Stopped by {signal.Signals(number).name}." in served.output
    assert "Traceback" not in served.output


def test_mistakes_of_the_command_are_sentences(folder: Path, tmp_path: Path) -> None:
    with serving(lambda *_: None) as port:
        used = run("serve", folder, "--port", str(port), cwd=tmp_path)
    assert used.code == 2
    assert f"--port {port} of 127.0.0.1 cannot be used (address already in use)" in used.output
    nowhere = run("serve", folder, "--host", "no.such.host.invalid", cwd=tmp_path)
    assert (nowhere.code, "is no address of this machine" in nowhere.output) == (2, True)
    missing = run("serve", "nothing", "--port", "0", cwd=tmp_path)
    assert (missing.code, "no run folder" in missing.output) == (1, True)


def test_a_host_that_others_reach_is_warned_of(folder: Path, tmp_path: Path) -> None:
    served = start("serve", folder, "--host", "0.0.0.0", "--port", "0", "--device", "cpu", cwd=tmp_path)
    until(served, lambda: "Serving" in served.output)
    assert "warning: everybody who reaches 0.0.0.0 can use this server" in served.output
    port = int(served.output.partition("0.0.0.0:")[2].partition("/")[0])
    names = {"Host": "any.example"}
    assert httpx.get(f"http://127.0.0.1:{port}/health", headers=names).status_code == 200
    os.kill(served.number, signal.SIGTERM)
    assert served.wait(20) == 143
