"""Checkpoint files of odd content: a dict of plain tensors, or one sentence before memory is used."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import pixlate
from pixlate.errors import CheckpointError, DamagedError
from pixlate.models.tensor_files import read_tensors
from pixlate.options.command.stored import StoredRun, write_stored


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: torch.zeros(1).expand(2**38), "claims more numbers than the file holds"),
        (lambda: torch.zeros(8, 8).to_sparse(), "a sparse tensor"),
        (lambda: torch.zeros(8, device="meta"), "on the device 'meta'"),
        (lambda: torch.zeros(8, dtype=torch.complex64), "complex numbers"),
        (lambda: nested(100), "nested too deeply"),
    ],
    ids=["claimed", "sparse", "meta", "complex", "nested"],
)
def test_values_that_no_network_takes_are_named(tmp_path: Path, make: Callable[[], Any], sentence: str) -> None:
    torch.save({"model.1.weight": make()}, tmp_path / "odd.pth")
    with pytest.raises(CheckpointError, match=sentence):
        read_tensors(tmp_path / "odd.pth")


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(2**22)}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "small.pth", "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for record in plain.infolist():
            small.writestr(record.filename, plain.read(record))
    with pytest.raises(CheckpointError, match="is compressed"):
        read_tensors(tmp_path / "small.pth")


def test_a_flipped_bit_is_noticed_without_a_checksum_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"w": torch.zeros(1000)}, path)
    data = bytearray(path.read_bytes())
    data[data.index(bytes(2000)) + 500] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        read_tensors(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(CheckpointError, match="no regular file"):
        read_tensors(tmp_path / "pipe.pth")


def test_options_that_claim_a_huge_network_are_refused_before_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = pixlate.create_generator("resnet_6blocks", input_nc=3, output_nc=3, ngf=2, norm="instance")
    torch.save(net.state_dict(), tmp_path / "latest_net_G.pth")
    options = {"model": "pix2pix", "netG": "resnet_6blocks", "ngf": 4096, "norm": "instance", "dropout": False}
    write_stored(tmp_path, StoredRun(options))

    def build(self: torch.nn.Module, *args: Any, **more: Any) -> None:
        raise AssertionError("the network was built")

    monkeypatch.setattr(torch.nn.Module, "to_empty", build)
    monkeypatch.setattr("torch.nn.init.normal_", build)
    with pytest.raises(CheckpointError, match="ngf"):
        pixlate.load(tmp_path, device="cpu")
