"""The smoke list of the reference, scripts/test_before_push.py, twice in a row: with its flags, on small networks."""

import os
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from trainings import run

import pixlate

SMALL = 'netG = "resnet_6blocks"\nngf = 2\nndf = 2\nload_size = 36\ncrop_size = 32\ndevice = "cpu"\nnum_threads = 0\n'

TRAININGS = (
    "--model cycle_gan --name temp_cyclegan --dataroot ./datasets/mini --n_epochs 1 --n_epochs_decay 0 "
    "--save_latest_freq 10 --print_freq 1 --display_id -1",
    "--model pix2pix --name temp_pix2pix --dataroot ./datasets/mini_pix2pix --n_epochs 1 --n_epochs_decay 5 "
    "--save_latest_freq 10 --display_id -1",
)
TESTS = {
    "--model test --dataroot ./datasets/mini --name horse2zebra_pretrained --no_dropout --num_test 1 --no_dropout": 1,
    "--dataroot ./datasets/facades/ --direction BtoA --model pix2pix --name facades_label2photo_pretrained "
    "--num_test 1": 1,
    '--model test --name temp_cyclegan --dataroot ./datasets/mini --num_test 1 --model_suffix "_A" --no_dropout': 1,
    "--model pix2pix --name temp_pix2pix --dataroot ./datasets/mini_pix2pix --num_test 1": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small data in the layouts of the reference, and two published models."""
    root = tmp_path_factory.mktemp("smoke")
    rng = np.random.default_rng(0)
    for place, width in (
        *((f"mini/{phase}{side}", 32) for phase in ("train", "test") for side in "AB"),
        *((f"mini_pix2pix/{phase}", 64) for phase in ("train", "test", "val")),
        ("facades/test", 64),
    ):
        for number in range(2):
            path = root / "datasets" / place / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (32, width, 3), np.uint8)).save(path)
    for name, norm, dropout in (("horse2zebra", "instance", False), ("facades_label2photo", "batch", True)):
        net = pixlate.create_generator("resnet_6blocks", input_nc=3, output_nc=3, ngf=2, norm=norm, use_dropout=dropout)
        checkpoints = root / "checkpoints" / f"{name}_pretrained"
        checkpoints.mkdir(parents=True)
        torch.save(net.state_dict(), checkpoints / "latest_net_G.pth")
    (root / "small.toml").write_text(SMALL)
    return root


def called(folder: Path, command: str, words: str, *, expect: int = 0) -> str:
    done = run(command, *shlex.split(words), "--config", "small.toml", cwd=folder)
    assert done.code == expect, done.output
    return done.output


def test_the_list_passes_and_a_repeated_training_is_refused_with_the_way(folder: Path) -> None:
    for words in TRAININGS:
        called(folder, "train", words)
    for words in TESTS:
        called(folder, "test", words)
    for words in TRAININGS:
        refused = called(folder, "train", words, expect=2)
        assert "PIXLATE_OVERWRITE=1" in refused
    for words in TESTS:
        called(folder, "test", words)
    pages = sorted(path.parent.parent.name for path in (folder / "results").glob("*/test_latest/index.html"))
    assert pages == ["facades_label2photo_pretrained", "horse2zebra_pretrained", "temp_cyclegan", "temp_pix2pix"]


def test_it_passes_again_where_scripts_say_so(folder: Path) -> None:
    for words in TRAININGS:
        done = run("train", *shlex.split(words), "--config", "small.toml", "--overwrite", cwd=folder)
        assert done.code == 0, done.output
    assert os.path.isfile(folder / "checkpoints" / "temp_cyclegan" / "latest_net_G_A.pth")


def test_the_template_is_named_as_a_model_that_there_is_not(folder: Path) -> None:
    words = "--model template --name temp --dataroot ./datasets/mini_pix2pix --n_epochs 1 --n_epochs_decay 0"
    assert "no model is named 'template'" in called(folder, "train", words, expect=2)


def test_colourization(folder: Path) -> None:
    """The list's colourization; without the library that it needs, a sentence that says how to install it."""
    installed = find_spec("kornia") is not None
    words = "--model colorization --name temp_colorization --dataroot ./datasets/mini_colorization"
    shutil.copytree(folder / "datasets" / "mini" / "trainA", folder / "datasets" / "mini_colorization" / "train")
    shutil.copytree(folder / "datasets" / "mini" / "testA", folder / "datasets" / "mini_colorization" / "test")
    schedule = "--n_epochs 1 --n_epochs_decay 0 --save_latest_freq 5"
    printed = called(folder, "train", f"{words} {schedule}", expect=0 if installed else 2)
    if installed:
        called(folder, "test", words)
    else:
        assert "pip install 'pixlate[color]'" in printed
