"""Downloads from several servers, checksums, and the trained generators of the reference's authors."""

import hashlib
import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from file_server import IMAGES, Server, contents, serving, tar
from image_files import write

import pixlate
from pixlate.__main__ import main
from pixlate.data.download.catalogue import DATASETS
from pixlate.data.download.fetching import download
from pixlate.data.download.generators import FILE, GENERATORS, download_generator, generator
from pixlate.data.download.servers import AUTHORS, servers, valid_sha256
from pixlate.errors import CheckpointError, DataError, OptionError

FACADES = "pix2pix/datasets/facades.tar.gz"
HORSES = "cyclegan/pretrained_models/horse2zebra.pth"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def weights(name: str, **options: Any) -> bytes:
    data = io.BytesIO()
    torch.save(pixlate.create_generator(name, input_nc=3, output_nc=3, ngf=4, **options).state_dict(), data)
    return data.getvalue()


def accept(path: Path) -> None:
    """A check that takes every file."""


class TestMirrors:
    def test_the_first_server_that_has_the_file_is_used(
        self, server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.files[FACADES] = tar(IMAGES)
        dead = "http://127.0.0.1:9"  # nothing listens there
        folder = download("facades", tmp_path, base_url=f"{dead}, {server.address}/none {server.address}")
        assert len(contents(folder)) == len(IMAGES)
        first, second = (record.getMessage() for record in caplog.records)
        assert "cannot be reached" in first
        assert f"Trying {server.address}/none." in first
        assert "404" in second
        assert os.listdir(tmp_path) == ["facades"]

    def test_the_last_error_is_told(self, server: Server, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=f"{server.address}/b.* 404"):
            download("facades", tmp_path, base_url=f"{server.address}/a {server.address}/b")

    def test_a_part_of_one_server_is_not_continued_from_another(self, server: Server, tmp_path: Path) -> None:
        archive = tar(IMAGES)
        server.files[f"a/{FACADES}"] = archive
        server.files[f"b/{FACADES}"] = archive
        server.breaks = [1000, 0, 0]  # the connection to the first is lost three times
        download("facades", tmp_path, base_url=f"{server.address}/a {server.address}/b")
        assert server.ranges[0] == ""
        assert server.ranges[1].startswith("bytes=1000-")
        assert server.ranges[-1] == ""

    def test_servers_come_from_the_environment(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PIXLATE_DOWNLOAD_URL", raising=False)
        assert servers() == [AUTHORS]
        monkeypatch.setenv("PIXLATE_DOWNLOAD_URL", "http://one/, http://two")
        assert servers() == ["http://one", "http://two"]
        assert servers("https://three/") == ["https://three"]
        with pytest.raises(OptionError, match="'file:///etc' is not the address of a server"):
            servers("http://one file:///etc")


class TestChecksums:
    def test_a_file_with_another_checksum_is_removed(self, server: Server, tmp_path: Path) -> None:
        server.files[FACADES] = tar(IMAGES)
        with pytest.raises(DataError, match=r"has the SHA-256 checksum .*: it is removed"):
            download("facades", tmp_path, base_url=server.address, sha256="0" * 64)
        assert os.listdir(tmp_path) == []
        download("facades", tmp_path, base_url=server.address, sha256=digest(server.files[FACADES]))

    @pytest.mark.parametrize("name", [FACADES, "facades.tar.gz", f"./{FACADES}"])
    def test_a_mirror_s_list_is_used(self, name: str, server: Server, tmp_path: Path) -> None:
        server.files[FACADES] = tar(IMAGES)
        right, wrong = digest(server.files[FACADES]), "1" * 64
        server.files["SHA256SUMS"] = f"{wrong}  other.zip\n{wrong} *{name}\n".encode()
        with pytest.raises(DataError, match="not 111111111111…"):
            download("facades", tmp_path, base_url=server.address)
        server.files["SHA256SUMS"] = f"{wrong}  other.zip\n{right}  {name}\n".encode()
        download("facades", tmp_path, base_url=server.address)

    def test_what_is_no_list_is_ignored(self, server: Server, tmp_path: Path) -> None:
        server.files[FACADES] = tar(IMAGES)
        server.files["SHA256SUMS"] = b"\xff<html>" * 100
        download("facades", tmp_path, base_url=server.address)

    def test_after_a_wrong_file_the_next_mirror_is_tried(self, server: Server, tmp_path: Path) -> None:
        server.files[f"b/{FACADES}"] = tar(IMAGES)
        server.files[f"a/{FACADES}"] = tar({"facades/train/1.jpg": b"bad"})
        addresses = f"{server.address}/a {server.address}/b"
        folder = download("facades", tmp_path, base_url=addresses, sha256=digest(server.files[f"b/{FACADES}"]))
        assert len(contents(folder)) == len(IMAGES)

    def test_a_text_that_is_none_is_refused(self) -> None:
        assert valid_sha256("AB" * 32) == "ab" * 32
        with pytest.raises(OptionError, match="64 hexadecimal digits"):
            valid_sha256("abc")


class Explosive:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploded",)


class TestGenerators:
    def test_names(self) -> None:
        assert generator("horse2zebra").path == HORSES
        assert generator("edges2shoes").path == "pix2pix/models-pytorch/edges2shoes.pth"
        assert generator("pix2pix/sat2map").run == "sat2map_pix2pix_pretrained"
        assert generator("cyclegan/sat2map").run == "sat2map_pretrained"
        assert len({each.run for each in GENERATORS.values()}) == len(GENERATORS)
        with pytest.raises(OptionError, match="two generators 'sat2map': cyclegan/sat2map and pix2pix/sat2map"):
            generator("sat2map")
        with pytest.raises(OptionError, match="horse2zebra"):
            generator("horse2zebr")

    def test_a_connection_that_breaks_is_resumed(self, server: Server, tmp_path: Path) -> None:
        server.files[HORSES] = weights("resnet_9blocks")
        server.breaks = [1000]
        path = download_generator("horse2zebra", tmp_path, accept, base_url=server.address)
        assert path == tmp_path / "horse2zebra_pretrained" / FILE
        assert path.read_bytes() == server.files[HORSES]
        assert server.ranges == ["", "bytes=1000-"]
        assert os.listdir(tmp_path) == ["horse2zebra_pretrained"]
        download_generator("horse2zebra", tmp_path, accept, base_url="http://127.0.0.1:9")  # it is there

    def test_what_is_no_generator_does_not_stay(self, server: Server, tmp_path: Path) -> None:
        server.files[HORSES] = b"<html>not here</html>"

        def refuse(path: Path) -> None:
            raise CheckpointError("it is no file of PyTorch.")

        with pytest.raises(DataError, match="is no generator: it is no file of PyTorch"):
            download_generator("horse2zebra", tmp_path, refuse, base_url=server.address)
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize(
        ("name", "net", "options"),
        [
            ("horse2zebra", "resnet_9blocks", {"norm": "instance"}),
            ("pix2pix/facades_label2photo", "unet_256", {"norm": "batch", "use_dropout": True}),
        ],
    )
    def test_the_command_that_is_told_next_works(
        self,
        name: str,
        net: str,
        options: dict[str, Any],
        server: Server,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """With a generator of few channels in place of the authors', whose number is given beside."""
        monkeypatch.chdir(tmp_path)
        server.files[generator(name).path] = weights(net, **options)
        width = (256, 256) if name == "horse2zebra" else (512, 256)
        write(tmp_path / "photos" / "test" / "1.png", width)
        with pytest.raises(SystemExit) as ended:
            main(["download", "--pretrained", name, "--url", server.address])
        assert ended.value.code == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Next: ")]
        words = line.partition(" test ")[2].replace("FOLDER", "photos").split() or line.partition("test.py ")[2].split()
        with pytest.raises(SystemExit) as ended:
            main(["test", *words, "--ngf", "4", "--device", "cpu"])
        assert ended.value.code == 0, capsys.readouterr().err
        (result,) = (tmp_path / "results").rglob("*_fake*.png")
        assert result.stat().st_size > 1000
        translate = pixlate.load(tmp_path / "checkpoints" / generator(name).run / FILE, device="cpu")
        assert translate(np.zeros((256, 256, 3), np.uint8)).shape == (256, 256, 3)

    def test_nothing_in_a_file_is_executed(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        server.files[HORSES] = pickle.dumps(Explosive())
        with pytest.raises(SystemExit) as ended:
            main(["download", "--pretrained", "horse2zebra", "--url", server.address])
        assert ended.value.code == 1
        assert "is no generator" in capsys.readouterr().err
        assert not (tmp_path / "exploded").exists()
        assert list((tmp_path / "checkpoints").iterdir()) == []

    def test_the_list_has_data_sets_and_generators(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["download"])
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == len(DATASETS) + len(GENERATORS)
        assert any(line.split()[:2] == ["cyclegan/horse2zebra", "pretrained"] for line in lines)
