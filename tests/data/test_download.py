"""Downloads of data sets, from a local server: resumed, checked, and unpacked into their folder only."""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from file_server import IMAGES, Server, contents, serving, tar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixlate.data.download import fetching
from pixlate.data.download.archive import unpack
from pixlate.data.download.catalogue import DATASETS
from pixlate.data.download.fetching import download
from pixlate.errors import DataError, OptionError
from pixlate.plugins.commands.download import download_command


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def zipped(files: dict[str, bytes], mode: int = stat.S_IFREG | 0o644) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return data.getvalue()


@pytest.fixture
def facades(server: Server) -> bytes:
    server.files["pix2pix/datasets/facades.tar.gz"] = tar(IMAGES)
    return server.files["pix2pix/datasets/facades.tar.gz"]


def test_a_data_set_is_fetched_and_unpacked(server: Server, facades: bytes, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = download("facades", tmp_path, base_url=server.address, report=lambda *progress: seen.append(progress))
    assert folder == tmp_path / "facades"
    assert contents(folder) == {name.removeprefix("facades/"): data for name, data in IMAGES.items()}
    assert os.listdir(tmp_path) == ["facades"]
    assert seen[0] == (0, len(facades))
    assert seen[-1] == (len(facades), len(facades))


def test_a_zip_without_a_folder_of_its_own(server: Server, tmp_path: Path) -> None:
    server.files["cyclegan/datasets/horse2zebra.zip"] = zipped({"trainA/1.jpg": b"a", "trainB/2.jpg": b"b"})
    folder = download("horse2zebra", tmp_path, base_url=server.address + "/")
    assert contents(folder) == {"trainA/1.jpg": b"a", "trainB/2.jpg": b"b"}


def test_an_existing_folder_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "facades").mkdir()
    assert download("facades", tmp_path, base_url=server.address) == tmp_path / "facades"
    assert server.ranges == []


def test_a_broken_connection_is_resumed(server: Server, facades: bytes, tmp_path: Path) -> None:
    server.breaks = [100_000]
    folder = download("facades", tmp_path, base_url=server.address)
    assert contents(folder)["train/1.jpg"] == IMAGES["facades/train/1.jpg"]
    assert server.ranges == ["", "bytes=100000-"]


def test_an_interrupted_download_is_resumed_by_the_next(server: Server, facades: bytes, tmp_path: Path) -> None:
    server.breaks = [50_000, 20_000, 10_000]
    with pytest.raises(DataError, match="was lost 3 times; run the same command again"):
        download("facades", tmp_path, base_url=server.address)
    assert not (tmp_path / "facades").exists()
    folder = download("facades", tmp_path, base_url=server.address)
    assert server.ranges[-1] == "bytes=80000-"
    assert contents(folder)["val/2.jpg"] == b"two"


def test_a_part_of_an_older_version_is_discarded(server: Server, facades: bytes, tmp_path: Path) -> None:
    server.breaks = [50_000, 0, 0]
    with pytest.raises(DataError):
        download("facades", tmp_path, base_url=server.address)
    server.version = "2"
    server.files["pix2pix/datasets/facades.tar.gz"] = tar({"facades/train/new.jpg": os.urandom(90_000)})
    assert list(contents(download("facades", tmp_path, base_url=server.address))) == ["train/new.jpg"]


def test_an_interrupted_unpacking_needs_no_second_download(
    server: Server, facades: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "unpack", interrupted)
        with pytest.raises(KeyboardInterrupt):
            download("facades", tmp_path, base_url=server.address)
    folder = download("facades", tmp_path, base_url=server.address)
    assert server.ranges == ["", f"bytes={len(facades)}-"]
    assert contents(folder)["val/2.jpg"] == b"two"
    assert os.listdir(tmp_path) == ["facades"]


def test_a_whole_part_is_not_fetched_again(server: Server, facades: bytes, tmp_path: Path) -> None:
    server.breaks = [50_000, 0, 0]
    with pytest.raises(DataError):
        download("facades", tmp_path, base_url=server.address)
    (tmp_path / ".facades.part").write_bytes(facades)
    download("facades", tmp_path, base_url=server.address)
    assert server.ranges[-1] == f"bytes={len(facades)}-"


def test_an_unreachable_server_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be reached \(.*refused\): check the network"):
        download("facades", tmp_path, base_url="http://127.0.0.1:9")
    assert os.listdir(tmp_path) == []


def test_an_error_of_the_server_is_an_error_of_one_sentence(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the server says 404"):
        download("facades", tmp_path, base_url=server.address)


def test_a_page_instead_of_an_archive(server: Server, tmp_path: Path) -> None:
    server.files["pix2pix/datasets/facades.tar.gz"] = b"<html>sorry</html>"
    with pytest.raises(DataError, match="damaged"):
        download("facades", tmp_path, base_url=server.address)
    assert os.listdir(tmp_path) == []


def test_the_servers_address_is_checked(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="http://"):
        download("facades", tmp_path, base_url="file:///etc")


def test_unknown_names_and_forbidden_data_sets(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="Did you mean 'horse2zebra'"):
        download("horse2zebras", tmp_path)
    with pytest.raises(DataError, match=r"gtFine_trainvaltest\.zip"):
        download("cityscapes", tmp_path)


def test_the_command(server: Server, facades: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXLATE_DOWNLOAD_URL", server.address)
    first = CliRunner().invoke(download_command, ["facades"], catch_exceptions=False)
    assert first.exit_code == 0
    assert "train --model pix2pix --dataroot datasets/facades" in first.stdout
    assert "cycle_gan takes" in first.stdout  # the name of the unpaired form
    assert "MB downloaded" in first.stderr
    assert (tmp_path / "datasets" / "facades" / "train" / "1.jpg").exists()
    again = CliRunner().invoke(download_command, ["facades"], catch_exceptions=False)
    assert "exists already" in again.stdout
    listing = CliRunner().invoke(download_command, [], catch_exceptions=False).stdout
    assert all(name in listing for name in DATASETS)


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "..", "a\\..\\out", "C:/out"])
@pytest.mark.parametrize("pack", [tar, zipped])
def test_nothing_is_written_outside(tmp_path: Path, name: str, pack: Callable[[dict[str, bytes]], bytes]) -> None:
    (tmp_path / "archive").write_bytes(pack({"good": b"1", name: b"2"}))
    with pytest.raises(DataError, match="outside its folder"):
        unpack(tmp_path / "archive", tmp_path / "in" / "folder")
    assert set(contents(tmp_path)) <= {"archive", "in/folder/good"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_rejected(tmp_path: Path, kind: bytes) -> None:
    def change(entry: tarfile.TarInfo) -> None:
        entry.type, entry.linkname, entry.size = kind, "/etc/passwd", 0

    (tmp_path / "archive").write_bytes(tar({"x": b""}, change))
    with pytest.raises(DataError, match="a link or a device"):
        unpack(tmp_path / "archive", tmp_path / "folder")
    (tmp_path / "archive").write_bytes(zipped({"x": b"/etc/passwd"}, stat.S_IFLNK | 0o777))
    with pytest.raises(DataError, match="a link or a device"):
        unpack(tmp_path / "archive", tmp_path / "folder")


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="needs tarfile's filters")
def test_no_link_in_the_folder_leads_outside(tmp_path: Path) -> None:
    for name in ("outside", "folder"):
        (tmp_path / name).mkdir()
    (tmp_path / "folder" / "images").symlink_to(tmp_path / "outside")
    (tmp_path / "archive").write_bytes(tar({"images/x": b"1"}))
    with pytest.raises(DataError, match=r"is rejected: .*outside the destination"):
        unpack(tmp_path / "archive", tmp_path / "folder")
    assert contents(tmp_path / "outside") == {}


def test_two_members_of_one_name_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar({"a/x": b"1", "./a/x": b"2"}))
    with pytest.raises(DataError, match="cannot be written: File exists"):
        unpack(tmp_path / "archive", tmp_path / "folder")
    assert contents(tmp_path / "folder") == {"a/x": b"1"}


def test_decompression_bombs_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    for pack in (tar, zipped):
        path.write_bytes(pack({"a": bytes(100_000), "b": bytes(100_000)}))
        with pytest.raises(DataError, match="more than 150000 bytes"):
            unpack(path, tmp_path / pack.__name__, max_bytes=150_000)
        assert sum(len(data) for data in contents(tmp_path / pack.__name__).values()) <= 150_000
    with pytest.raises(DataError, match="more than 1 file"):
        unpack(path, tmp_path / "many", max_files=1)


def test_an_empty_archive_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar({}))
    with pytest.raises(DataError, match="empty"):
        unpack(tmp_path / "archive", tmp_path / "folder")


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([tar, zipped]), st.data())
def test_a_damaged_archive_is_an_error_of_one_sentence(
    tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes], data: st.DataObject
) -> None:
    content = bytearray(pack({"a/b.txt": b"hello " * 50, "c.txt": bytes(range(256))}))
    for _ in range(data.draw(st.integers(0, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path / str(abs(hash(bytes(content))))
    (tmp_path / "archive").write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    message = "."
    try:
        unpack(tmp_path / "archive", folder)
    except DataError as error:
        message = str(error)
    assert message.endswith(".")
    assert "\n" not in message
