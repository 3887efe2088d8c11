"""What a worker process sends arrives unchanged, through a file or through the pipe, and leaves no file."""

import errno
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from pixlate.data import transfer
from pixlate.errors import DataError

SMALL = {"A": torch.arange(12.0).view(1, 3, 2, 2), "A_paths": ["a.png"]}
LARGE = {"A": torch.rand(2, 3, 128, 128), "B": torch.rand(2, 3, 128, 128, dtype=torch.float64), "A_paths": ["a", "b"]}
HALF = {"A": torch.rand(2, 3, 256, 256).to(torch.bfloat16)}


def check_arrival(batch: dict[str, Any], sent: str | bytes) -> None:
    received = transfer.receive(sent, pin=False)
    assert isinstance(received, tuple)
    assert received[1] == []
    assert received[0].keys() == batch.keys()
    for name, value in batch.items():
        if isinstance(value, torch.Tensor):
            assert received[0][name].dtype == value.dtype
            assert torch.equal(received[0][name], value)
        else:
            assert received[0][name] == value


@pytest.mark.parametrize("batch", [LARGE, HALF])
def test_a_large_batch_goes_through_a_file(batch: dict[str, Any], tmp_path: Path) -> None:
    sent = transfer.send((batch, []), tmp_path)
    assert isinstance(sent, str)
    assert Path(sent).parent == tmp_path
    check_arrival(batch, sent)
    assert list(tmp_path.iterdir()) == []


def test_a_small_batch_goes_through_the_pipe(tmp_path: Path) -> None:
    sent = transfer.send((SMALL, []), tmp_path)
    assert isinstance(sent, bytes)
    check_arrival(SMALL, sent)


def test_a_batch_for_which_there_is_no_room_goes_through_the_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(content: object, file: Any, protocol: int) -> None:
        file.write(pickle.dumps(content, protocol)[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(transfer.pickle, "dump", full)
    sent = transfer.send((LARGE, []), tmp_path)
    assert isinstance(sent, bytes)
    assert list(tmp_path.iterdir()) == []
    check_arrival(LARGE, sent)


def test_a_folder_that_is_gone_is_done_without(tmp_path: Path) -> None:
    sent = transfer.send((LARGE, []), tmp_path / "gone")
    assert isinstance(sent, bytes)
    check_arrival(LARGE, sent)


def test_an_error_arrives_as_a_value(tmp_path: Path) -> None:
    received = transfer.receive(transfer.send(DataError("no such image"), tmp_path), pin=False)
    assert isinstance(received, DataError)
    assert str(received) == "no such image"
