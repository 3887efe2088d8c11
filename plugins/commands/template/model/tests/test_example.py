"""The plugin is installed, fulfils pixlate's contract, and trains."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pixlate import get_plugins
from pixlate.plugins.testing import check_model
from pixlate.train import main as train


def test_the_plugin_is_installed() -> None:
    (info,) = [info for info in get_plugins().infos if info.name == "example"]
    assert info.status == "loaded", info.reason


def test_the_model_fulfils_the_contract() -> None:
    check_model("example")


def test_other_models_can_use_the_generator() -> None:
    check_model("pix2pix", netG="example_small")


def test_it_trains(tiny_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = f"--model example --dataroot {tiny_dataset('aligned')} --name trial --n_epochs 1 --n_epochs_decay 0"
    sizes = "--load_size 64 --crop_size 64 --ngf 4 --num_threads 0 --display_id 0"
    with pytest.raises(SystemExit) as exit_info:
        train([*options.split(), *sizes.split()])
    assert exit_info.value.code == 0
    assert (tmp_path / "checkpoints" / "trial" / "latest_net_G.pth").is_file()
