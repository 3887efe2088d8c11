"""Services of a run whose loss nothing else would show: warnings, figures, margins, files between two renames."""

import logging
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from trainings import PIX2PIX, make_images, run, train

import pixlate
from pixlate.errors import DataError
from pixlate.runs.checkpoints import state_file, store
from pixlate.runs.checkpoints.state_file import link_state, read_state, write_state
from pixlate.runs.checkpoints.store import check_free_space
from pixlate.runs.logs import RunLogs
from pixlate.runs.memory import _SavedBytes, _SavedTensor
from pixlate.util.image_io import to_image

SHORT = ("--n_epochs", "1", "--n_epochs_decay", "0", "--batch_size", "1")


def test_an_image_that_breaks_after_the_check_is_warned_about_and_replaced(tmp_path: Path) -> None:
    """Its header is whole; its pixels are not."""
    make_images(tmp_path / "images", 4)
    path = tmp_path / "images" / "train" / "02.png"
    path.write_bytes(path.read_bytes()[:-4000])
    output = train(tmp_path / "runs", *PIX2PIX, *SHORT, "--on_bad_image", "skip").output
    assert len(re.findall(r"warning: .*02\.png.*It is replaced by another\.", output)) == 1


def test_averages_start_from_weights_that_are_continued_without_a_state(tmp_path: Path) -> None:
    make_images(tmp_path / "images", 2)
    options = ("--ema", "--ema_decay", "1")  # the averages never move
    train(tmp_path / "runs", *PIX2PIX, *SHORT, *options, "--lr", "0.1")
    folder = tmp_path / "runs" / "run"
    weights = torch.load(folder / "latest_net_G.pth", weights_only=True)
    for path in folder.glob("*_state.pt*"):
        path.unlink()
    train(tmp_path / "runs", "--continue_train", "--n_epochs", "2", "--epoch_count", "2")
    averages = torch.load(folder / "latest_net_G_ema.pth", weights_only=True)
    for name, value in averages.items():
        if "running" not in name and "num_batches" not in name:
            assert torch.equal(value, weights[name]), name


@pytest.mark.parametrize("shortage", [0, 1])
def test_ten_times_the_weights_are_needed_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shortage: int
) -> None:
    model = pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=2, ndf=2)
    count = sum(weight.numel() for network in model.networks.values() for weight in network.parameters())
    (tmp_path / "latest_state.pt").write_bytes(bytes(1000))
    needed = 10 * 4 * count - 1000
    monkeypatch.setattr(store.shutil, "disk_usage", lambda folder: SimpleNamespace(free=needed - shortage))
    if not shortage:
        check_free_space(tmp_path, model)
        return
    with pytest.raises(DataError, match="free some space"):
        check_free_space(tmp_path, model)


@pytest.mark.parametrize("killed_at", ["before the link", "after the link"])
def test_a_state_that_gets_a_second_name_is_whole_whenever_the_process_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, killed_at: str
) -> None:
    new, old = tmp_path / "latest_state.pt", tmp_path / "best_state.pt"
    write_state(new, {"value": torch.ones(3)})
    write_state(old, {"value": torch.zeros(3)})

    class Killed(BaseException):
        pass

    link = state_file.atomic_link

    def dying(path: Path, name: Path) -> None:
        if killed_at == "after the link":
            link(path, name)
        raise Killed

    monkeypatch.setattr(state_file, "atomic_link", dying)
    with pytest.raises(Killed):
        link_state(new, old)
    caplog.set_level(logging.WARNING)
    assert read_state(old)["value"].tolist() == [float(killed_at == "after the link")] * 3
    assert caplog.messages == []


def test_the_sizes_of_logs_include_lines_that_waited_for_the_disk(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path)
    log = logs.open("log.txt")
    real, log._file = log._file, open("/dev/full", "ab", buffering=0)  # noqa: SIM115
    log.write("waits")
    log._file.close()
    log._file = real
    assert logs.sizes() == {"log.txt": 6}
    assert (tmp_path / "log.txt").read_text() == "waits\n"
    logs.close()


def test_the_precision_report_gives_levels_of_255(tmp_path: Path) -> None:
    make_images(tmp_path / "images", 2)
    train(tmp_path / "runs", *PIX2PIX, *SHORT)
    tested = run(
        "test", "--name", "run", "--checkpoints_dir", tmp_path / "runs", "--results_dir", tmp_path / "results",
        "--dataroot", tmp_path / "images", "--phase", "train", "--device", "cpu", "--precision", "bf16",
    )  # fmt: skip
    mean, largest = re.findall(r"by ([\d.]+) of 255 levels on average, by (\d+) at most", tested.output)[0]
    full, reduced = (
        pixlate.create_model("pix2pix", train=False, netG="resnet_6blocks", ngf=2, norm="batch", precision=precision)
        for precision in ("fp32", "bf16")
    )
    dataset = pixlate.create_dataset(
        "aligned", dataroot=tmp_path / "images", load_size=32, crop_size=32, flip=False, serial_batches=True
    )
    item = dataset[1, 0]
    batch = {"A": item["A"][None], "A_paths": [item["A_paths"]]}
    for model in (full, reduced):
        weights = torch.load(tmp_path / "runs" / "run" / "latest_net_G.pth", weights_only=True)
        model.networks["G"].load_state_dict(weights)
    difference = 127.5 * (full.translate(batch)["fake_B"] - reduced.translate(batch)["fake_B"]).abs()
    assert mean == f"{float(difference.mean()):.2f}"
    assert largest == f"{float(difference.max()):.0f}"


def test_a_test_draws_as_the_first_epoch_does(tmp_path: Path) -> None:
    """With random flips, an image of a test is that of (epoch 1, index)."""
    make_images(tmp_path / "images", 8)
    train(tmp_path / "runs", *PIX2PIX, *SHORT)
    tested = run(
        "test", "--name", "run", "--checkpoints_dir", tmp_path / "runs", "--results_dir", tmp_path / "results",
        "--dataroot", tmp_path / "images", "--phase", "train", "--device", "cpu", "--flip",
    )  # fmt: skip
    assert tested.code == 0, tested.output
    dataset = pixlate.create_dataset("aligned", dataroot=tmp_path / "images", load_size=32, crop_size=32)
    for index in range(8):
        saved = np.asarray(Image.open(next((tmp_path / "results").rglob(f"{index:02}_real_A.png"))))
        assert np.array_equal(saved, to_image(dataset[1, index]["A"])), index


def test_activations_are_counted_until_the_last_use_of_their_storage() -> None:
    saved = _SavedBytes(set())

    def hold(tensor: Tensor) -> Any:
        return saved.pack(tensor)

    first = torch.rand(100)
    one, two = hold(first), hold(first.view(10, 10))
    assert saved.peak == 400
    del one
    second = hold(torch.rand(50))  # the first storage is still needed
    assert saved.peak == 600
    del two
    third = hold(torch.rand(100))
    assert saved.peak == 600
    assert isinstance(second, _SavedTensor)
    assert isinstance(third, _SavedTensor)


def test_why_a_held_out_image_is_not_shown_is_one_sentence(tmp_path: Path) -> None:
    make_images(tmp_path / "images", 2)
    (tmp_path / "images" / "val" / "00.png").write_bytes(b"no image")
    shutil.copy(tmp_path / "images" / "val" / "01.png", tmp_path / "images" / "val" / "02.png")
    (tmp_path / "images" / "val" / "02.png").write_bytes((tmp_path / "images" / "val" / "01.png").read_bytes()[:-4000])
    output = train(tmp_path / "runs", *PIX2PIX, *SHORT).output
    warnings = [line for line in output.splitlines() if "This held-out image is not shown" in line]
    assert warnings, output
    for line in warnings:
        assert re.search(r"cannot read '.*' as an image: [^:]*[^.]\. This held-out image is not shown\.$", line), line


def test_an_error_of_a_plugin_s_data_set_is_a_sentence_too(tmp_path: Path) -> None:
    make_images(tmp_path / "images", 2)
    (tmp_path / "fails.py").write_text(
        "from pixlate.data.datasets import AlignedDataset\n"
        "from pixlate.plugins import hookimpl\n"
        "class Fails(AlignedDataset):\n"
        "    def sample(self, index, rng):\n"
        "        if self.shared.phase == 'val':\n"
        "            raise ZeroDivisionError('of mine')\n"
        "        return super().sample(index, rng)\n"
        "@hookimpl\n"
        "def register_datasets(register):\n"
        "    register('fails', Fails, help='fails on held-out images')\n"
    )
    words = ("--plugin", tmp_path / "fails.py", "--dataset_mode", "fails")
    output = train(tmp_path / "runs", *PIX2PIX, *SHORT, *words).output
    assert "warning: of mine. This held-out image is not shown." in output
