"""Whatever a server answers or an archive holds: the data set, or one sentence without control characters."""

import io
import os
import socket
import struct
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pixlate.data.download import archive as archive_module
from pixlate.data.download import connection, partial, tar_stream
from pixlate.data.download.archive import unpack
from pixlate.data.download.fetching import download
from pixlate.errors import DataError
from pixlate.util import locks
from pixlate.util.locks import acquire

Send = Callable[[bytes], None]


class RawServer:
    """Answers every request with what `answer` sends, and closes the connection."""

    def __init__(self, answer: Callable[[Send], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self._answer = answer
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with accepted:
                try:
                    self.requests.append(accepted.recv(65536))
                    self._answer(accepted.sendall)
                except OSError:  # the client has given up
                    pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[[bytes | Callable[[Send], None]], RawServer]]:
    servers: list[RawServer] = []

    def start(answer: bytes | Callable[[Send], None]) -> RawServer:
        servers.append(RawServer((lambda send: send(answer)) if isinstance(answer, bytes) else answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def tar(*names: str, size: int = 3, **more: object) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", format=tarfile.PAX_FORMAT) as file:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = size
            for key, value in more.items():
                setattr(entry, key, value)
            file.addfile(entry, io.BytesIO(bytes(size)))
    return data.getvalue()


def answer(body: bytes, *headers: str, status: str = "200 OK", length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else []), "Connection: close"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


GOOD = tar("facades/train/1.png")
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
ODD_ANSWERS = {
    "nothing": b"",
    "no HTTP": b"\x00\xff\n\n",
    "a status line without an end": b"HTTP/1.1 200" + b"x" * 100_000,
    "a status that is no number": b"HTTP/1.1 OK OK\r\n\r\n",
    "no content": answer(b"", status="204 No Content"),
    "a reason that speaks to the terminal": answer(b"", status="500 \x1b]0;owned\x07\x1b[2J"),
    "a reason without an end": answer(b"", status="500 " + "x" * 60_000),
    "superscript length": answer(GOOD, "Content-Length: \xb2", length=False),
    "a length of 5000 digits": answer(GOOD, "Content-Length: " + "1" * 5000, length=False),
    "a negative length": answer(GOOD, "Content-Length: -5", length=False),
    "a length of an exabyte": answer(GOOD, f"Content-Length: {10**14}", length=False),
    "a greater length": answer(GOOD, f"Content-Length: {len(GOOD) + 9}", length=False),
    "a smaller length": answer(GOOD, f"Content-Length: {len(GOOD) - 9}", length=False),
    "too many headers": answer(GOOD, *(f"X-{i}: 1" for i in range(500))),
    "a header without an end": answer(GOOD, "X: " + "x" * 100_000),
    "an ETag of other characters": answer(GOOD, 'ETag: "\xff\x80"'),
    "chunks of no size": b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"zz\r\nab\r\n",
    "a chunk of negative size": b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"-5\r\nab\r\n",
    "a chunk that claims an exabyte": b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"ffffffffffffff\r\nab\r\n",
    "partial content unasked for": answer(GOOD, "Content-Range: bytes 5-9/10", status="206 Partial Content"),
    "a range that cannot be satisfied": answer(b"", "Content-Range: bytes */0", status="416 Range Not Satisfiable"),
    "a redirection to nowhere": answer(b"", status="302 Found"),
    "a redirection to a file": answer(b"", "Location: file:///etc/passwd", status="302 Found"),
    "a redirection by ftp": answer(b"", "Location: ftp://127.0.0.1:9/x", status="302 Found"),
    "a redirection that speaks": answer(b"", "Location: gopher://\x1b[2J", status="302 Found"),
    "a redirection to half an IPv6 address": answer(b"", "Location: http://[::1", status="302 Found"),
    "a redirection to an impossible host": answer(b"", "Location: http://a..b/", status="302 Found"),
    "a redirection to an impossible port": answer(b"", "Location: http://127.0.0.1:99999999/", status="302 Found"),
    "a redirection in a circle": answer(b"", "Location: /again", status="301 Moved"),
    "a page": answer(b"<html>sorry</html>"),
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_an_odd_answer_gives_the_data_set_or_a_sentence(
    tmp_path: Path, serve: Callable[..., RawServer], name: str
) -> None:
    server = serve(ODD_ANSWERS[name])
    message = ""
    try:
        folder = download("facades", tmp_path, base_url=server.address)
    except DataError as error:
        message = str(error)
    if message:
        assert message.endswith(".")
        assert message.isprintable()
        assert len(message) < 500
        assert not (tmp_path / "facades").exists()
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 10_000
    else:
        assert (folder / "train" / "1.png").exists() or (folder / "1.png").exists()
        assert os.listdir(tmp_path) == ["facades"]
    assert len(server.requests) <= 12  # attempts, or redirections


def test_a_redirection_with_a_body_without_an_end_is_not_read(tmp_path: Path, serve: Callable[..., RawServer]) -> None:
    def endless(send: Send) -> None:
        send(b"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\n\r\n")
        for _ in range(10_000):  # ten gigabytes
            send(bytes(1 << 20))

    server = serve(endless)
    with pytest.raises(DataError, match="neither http nor https"):
        download("facades", tmp_path, base_url=server.address)


def test_an_answer_without_an_end_fills_half_of_the_free_disk_and_leaves_nothing(
    tmp_path: Path, serve: Callable[..., RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(send: Send) -> None:
        send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            send(bytes(1 << 20))

    def disk(folder: Path) -> object:
        used = sum(path.stat().st_size for path in tmp_path.iterdir())
        return type("Usage", (), {"free": (40 << 20) - used})

    monkeypatch.setattr(partial.shutil, "disk_usage", disk)
    server = serve(endless)
    with pytest.raises(DataError, match=r"does not end: .* MiB free, but \d+ MiB are needed\.$"):
        download("facades", tmp_path, base_url=server.address)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("where", ["status line", "headers", "body"])
def test_an_answer_that_drips_ends_and_leaves_nothing(
    tmp_path: Path, serve: Callable[..., RawServer], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def drip(send: Send) -> None:
        if where != "status line":
            send(b"HTTP/1.1 200 OK\r\n")
        if where == "body":
            send(b"\r\n")
        for _ in range(200):
            send(b"x")
            time.sleep(0.05)

    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(partial, "SLOW_SECONDS", 0.5)
    server = serve(drip)
    start = time.monotonic()
    with pytest.raises(DataError, match="too slowly" if where == "body" else "cannot be reached"):
        download("facades", tmp_path, base_url=server.address)
    assert time.monotonic() - start < 5
    assert os.listdir(tmp_path) == []


def test_a_part_of_some_size_is_kept_when_the_server_becomes_slow(
    tmp_path: Path, serve: Callable[..., RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(send: Send) -> None:
        send(b'HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nETag: "1"\r\n\r\n' + bytes(2 << 20))
        for _ in range(200):
            send(b"x")
            time.sleep(0.05)

    monkeypatch.setattr(partial, "SLOW_SECONDS", 0.5)
    monkeypatch.setattr(partial, "SLOW_BYTES", 1 << 24)
    server = serve(slow)
    with pytest.raises(DataError, match="run the same command later to resume"):
        download("facades", tmp_path, base_url=server.address)
    assert (tmp_path / ".facades.part").stat().st_size > 2 << 20
    with pytest.raises(DataError):
        download("facades", tmp_path, base_url=server.address)
    assert b"Range: bytes=" in server.requests[-1]


@pytest.mark.parametrize("damage", [b"", b"[" * 100_000, b'{"url": 1}', b"\xff", b'{"version": {}, "url": ""}'])
def test_a_damaged_note_about_the_part_costs_the_part_alone(
    tmp_path: Path, serve: Callable[..., RawServer], damage: bytes
) -> None:
    (tmp_path / ".facades.part").write_bytes(b"part")
    (tmp_path / ".facades.part.json").write_bytes(damage)
    server = serve(answer(GOOD))
    download("facades", tmp_path, base_url=server.address)
    assert os.listdir(tmp_path) == ["facades"]


def test_a_link_planted_in_place_of_the_part_is_not_followed(tmp_path: Path, serve: Callable[..., RawServer]) -> None:
    target = tmp_path / "mine"
    target.write_text("mine")
    for name in (".facades.part", ".facades.part.json"):
        (tmp_path / name).symlink_to(target)
    download("facades", tmp_path, base_url=serve(answer(GOOD)).address)
    assert target.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["facades", "mine"]


def test_a_second_download_waits_for_the_first_and_uses_its_result(
    tmp_path: Path, serve: Callable[..., RawServer]
) -> None:
    first = acquire(tmp_path / ".facades.lock")
    assert first is not None
    server = serve(answer(GOOD))
    results: list[Path] = []
    second = threading.Thread(target=lambda: results.append(download("facades", tmp_path, base_url=server.address)))
    second.start()
    time.sleep(0.4)
    assert second.is_alive()
    (tmp_path / "facades").mkdir()
    (tmp_path / ".facades.part").touch()
    first.release()
    second.join(10)
    assert results == [tmp_path / "facades"]
    assert server.requests == []
    assert os.listdir(tmp_path) == ["facades"]


def test_many_downloads_at_once_make_one_request_and_one_whole_folder(
    tmp_path: Path, serve: Callable[..., RawServer]
) -> None:
    body = answer(tar(*(f"facades/train/{i}.png" for i in range(300))))

    def slowly(send: Send) -> None:
        for start in range(0, len(body), 500):
            send(body[start : start + 500])
            time.sleep(0.01)

    server = serve(slowly)
    counts: list[int] = []

    def fetch() -> None:
        folder = download("facades", tmp_path, base_url=server.address)
        counts.append(len(list(folder.glob("train/*.png"))))

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counts == [300] * 4
    assert len([request for request in server.requests if b"SHA256SUMS" not in request]) == 1
    assert os.listdir(tmp_path) == ["facades"]


def test_what_a_killed_download_left_is_removed(tmp_path: Path, serve: Callable[..., RawServer]) -> None:
    (tmp_path / ".facades.unpacked" / "train").mkdir(parents=True)
    (tmp_path / ".facades.unpacked" / "train" / "old.png").touch()
    (tmp_path / ".facades.lock").touch()
    folder = download("facades", tmp_path, base_url=serve(answer(GOOD)).address)
    assert [path.name for path in folder.rglob("*.png")] == ["1.png"]
    assert os.listdir(tmp_path) == ["facades"]
    (tmp_path / ".facades.part").touch()  # killed between the rename and the removal
    assert download("facades", tmp_path, base_url="http://127.0.0.1:9") == folder
    assert os.listdir(tmp_path) == ["facades"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "facades").touch()
    with pytest.raises(DataError, match="exists, but is not a folder"):
        download("facades", tmp_path, base_url="http://127.0.0.1:9")


def test_a_file_system_without_locks_is_said(
    tmp_path: Path,
    serve: Callable[..., RawServer],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(locks, "acquire", lambda path: None)
    download("facades", tmp_path, base_url=serve(answer(GOOD)).address)
    [message] = caplog.messages
    assert "has no locks: make sure that no other process makes it." in message


def bad_utf8_zip() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("facades/\u00e9.png", b"x")
    return data.getvalue().replace("\u00e9".encode(), b"\xc3\x28")


def large_index_zip() -> bytes:
    data = bytearray(bad_utf8_zip())
    struct.pack_into("<L", data, data.rfind(b"PK\5\6") + 12, archive_module.MAX_INDEX + 1)
    return bytes(data)


def claiming_tar(kind: bytes, size: int) -> bytes:
    """A tar header of a kind that claims a size, with little behind it."""
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.GNU_FORMAT) + bytes(2048)


ODD_ARCHIVES: dict[str, bytes] = {
    "a zip with a name of bad UTF-8": bad_utf8_zip(),
    "a zip whose list of files claims gigabytes": large_index_zip(),
    "a pax sparse map of no numbers": tar("x", pax_headers={"GNU.sparse.map": "a,b"}),
    "a pax sparse map of large numbers": tar("x", pax_headers={"GNU.sparse.map": f"0,{10**30}"}),
    "a pax size of no number": tar("x", pax_headers={"size": "many"}),
    "a pax size of 5000 digits": tar("x", pax_headers={"size": "1" * 5000}),
    "a sparse file of an exabyte": tar(
        "x", pax_headers={"GNU.sparse.major": "0", "GNU.sparse.map": "0,1", "GNU.sparse.size": str(10**18)}
    ),
    **{
        f"a {name} header that claims gigabytes": claiming_tar(kind, 1 << 32)
        for name, kind in {
            "pax": tarfile.XHDTYPE,
            "global pax": tarfile.XGLTYPE,
            "long name": tarfile.GNUTYPE_LONGNAME,
            "long link": tarfile.GNUTYPE_LONGLINK,
        }.items()
    },
    "a file that claims an exabyte": claiming_tar(tarfile.REGTYPE, 1 << 60),
    "a folder that claims an exabyte": claiming_tar(tarfile.DIRTYPE, 1 << 60),
    "a negative size": claiming_tar(tarfile.REGTYPE, -512),
    "folders within folders": tar("a/" * 2000 + "x"),
    "a name that is too long": tar("x" * 5000),
    "a name with a null character": tar("x", pax_headers={"path": "a\0b"}),
    "a name of one dot": tar("."),
    "a device by name": tar("x", type=tarfile.BLKTYPE),
}


@pytest.mark.parametrize("name", ODD_ARCHIVES)
def test_an_odd_archive_is_rejected_in_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "archive"
    path.write_bytes(ODD_ARCHIVES[name])
    with pytest.raises(DataError) as caught:
        unpack(path, tmp_path / "folder")
    assert str(caught.value).endswith(".")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 6000
    assert sum(found.stat().st_size for found in tmp_path.rglob("*") if found.is_file()) < 100_000


def test_names_that_are_not_utf_8_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(tar(os.fsdecode(b"caf\xe9.png")))
    unpack(path, tmp_path / "folder")
    assert os.listdir(os.fsencode(tmp_path / "folder")) == [b"caf\xe9.png"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_compression_of_tar_is_read(tmp_path: Path, mode: str) -> None:
    with tarfile.open(tmp_path / "archive", mode) as file:  # type: ignore[call-overload]
        entry = tarfile.TarInfo("x")
        entry.size = 5 << 20
        file.addfile(entry, io.BytesIO(bytes(5 << 20)))
    unpack(tmp_path / "archive", tmp_path / "folder")
    assert (tmp_path / "folder" / "x").stat().st_size == 5 << 20


def test_a_compressed_header_is_not_unpacked_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_stream, "MAX_READ", 1 << 16)
    path = tmp_path / "archive"
    path.write_bytes(tar("x", pax_headers={"comment": "x" * (1 << 20)}))
    with pytest.raises(DataError, match="a header claims 1049088 bytes"):
        unpack(path, tmp_path / "folder")


def test_a_disk_without_room_for_a_file_is_said_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1 << 20}))
    path = tmp_path / "archive"
    path.write_bytes(tar("small", "large", size=2 << 20))
    with pytest.raises(DataError, match="has 1 MiB free, but 2 MiB are needed"):
        unpack(path, tmp_path / "folder")
    assert not (tmp_path / "folder" / "small").exists()
