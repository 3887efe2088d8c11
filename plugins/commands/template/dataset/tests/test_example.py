"""The plugin is installed, its data set fulfils pixlate's contract, and a model trains with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

import pixlate
from pixlate import get_plugins
from pixlate.plugins.testing import check_dataset
from pixlate.train import main as train


@pytest.fixture
def photos(tiny_dataset: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder of photographs with the phases train and test."""
    (tmp_path / "photos").mkdir()
    for phase in ("train", "test"):
        tiny_dataset("single").rename(tmp_path / "photos" / phase)
    return tmp_path / "photos"


def test_the_plugin_is_installed() -> None:
    (info,) = [info for info in get_plugins().infos if info.name == "example"]
    assert info.status == "loaded", info.reason


def test_the_data_set_fulfils_the_contract(photos: Path) -> None:
    check_dataset("example", photos)


def test_inputs_are_blurred(photos: Path) -> None:
    sharp, blurred = (pixlate.create_dataset("example", dataroot=photos, blur=radius)[0] for radius in (0, 5))
    assert sharp["A"].equal(sharp["B"])
    assert blurred["A"].std() < blurred["B"].std()


def test_a_model_trains_with_it(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = f"--model pix2pix --dataset_mode example --dataroot {photos} --name trial --n_epochs 1 --n_epochs_decay 0"
    sizes = "--netG resnet_6blocks --load_size 64 --crop_size 64 --ngf 4 --ndf 4 --num_threads 0 --display_id 0"
    with pytest.raises(SystemExit) as exit_info:
        train([*options.split(), *sizes.split()])
    assert exit_info.value.code == 0
    assert (tmp_path / "checkpoints" / "trial" / "latest_net_G.pth").is_file()
