"""The plugin is installed, and its viewer measures, saves and stops a run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pixlate import get_plugins
from pixlate.train import main as train


def test_the_plugin_is_installed() -> None:
    (info,) = [info for info in get_plugins().infos if info.name == "example"]
    assert info.status == "loaded", info.reason


def test_a_run_is_measured_and_stopped(
    tiny_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = f"--model pix2pix --dataroot {tiny_dataset('aligned')} --name trial --n_epochs 6 --n_epochs_decay 0"
    sizes = "--netG resnet_6blocks --load_size 64 --crop_size 64 --ngf 4 --ndf 4 --num_threads 0 --display_id 0"
    with pytest.raises(SystemExit) as exit_info:
        train([*options.split(), *sizes.split(), "--display_freq", "4", "--lr", "0", "--example_patience", "2"])
    assert exit_info.value.code == 0
    folder = tmp_path / "checkpoints" / "trial"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["epoch"] == 3  # a learning rate of 0 improves nothing: two epochs after the first the run stops
    assert 0 < lines[0]["metrics"]["error"] < 1
    assert (folder / "best_state.pt").is_file()
