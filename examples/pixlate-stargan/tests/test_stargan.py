"""The plugin keeps pixlate's contract, trains on three domains, and translates to each of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pixlate
import pytest
import torch
from PIL import Image
from pixlate import get_plugins
from pixlate import test as testing
from pixlate.errors import OptionError
from pixlate.plugins import Field
from pixlate.plugins.testing import check_model
from pixlate.train import main as train

from pixlate_stargan_networks import Discriminator

DOMAIN = Field("category", classes=3, names=("navy", "gold", "crimson"))
FIELDS = {"A": Field(), "class": DOMAIN, "target": DOMAIN}


@pytest.mark.parametrize("options", [{}, {"n_critic": 2, "gan_mode": "hinge", "ema": True}])
def test_it_keeps_the_contract(options: dict[str, object]) -> None:
    check_model("stargan", plugins=get_plugins(), fields=FIELDS, **options)


def test_it_needs_domains() -> None:
    with pytest.raises(OptionError, match="--dataset_mode domains"):
        pixlate.create_model("stargan", ngf=2)


def test_the_discriminator_is_that_of_the_paper() -> None:
    D = Discriminator(3, 64, 6, 5, (128, 128))
    src, cls = D(torch.rand(2, 3, 128, 128))
    assert (src.shape, cls.shape) == ((2, 1, 2, 2), (2, 5))
    assert [layer.out_channels for layer in D.main if isinstance(layer, torch.nn.Conv2d)] == [
        64,
        128,
        256,
        512,
        1024,
        2048,
    ]


def test_generators_are_updated_every_fifth_step() -> None:
    model = pixlate.create_model("stargan", ngf=2, ndf=2, fields=FIELDS)
    batch = {"A": torch.rand(2, 3, 32, 32) * 2 - 1, "class": torch.tensor([0, 1]), "target": torch.tensor([2, 2])}
    moved = []
    for _ in range(6):
        before = next(model.networks["G"].parameters()).clone()
        model.training_step(batch)
        moved.append(not torch.equal(before, next(model.networks["G"].parameters())))
    assert moved == [False] * 4 + [True, False]


def test_it_trains_and_translates_to_every_domain(
    tiny_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = f"--model stargan --dataroot {tiny_dataset('domains', size=40)} --name trial --n_critic 2"
    sizes = "--load_size 36 --crop_size 32 --ngf 4 --ndf 4 --batch_size 4 --num_threads 0 --display_id 0 --device cpu"
    for command, arguments in (
        (train, f"{words} {sizes} --n_epochs 2 --n_epochs_decay 0"),
        (testing.main, ""),
    ):
        with pytest.raises(SystemExit) as ended:
            command(arguments.split())
        assert ended.value.code == 0
    images = {path.name for path in (tmp_path / "results").rglob("*.png")}
    assert {f"0_fake_{name}.png" for name in ("crimson", "gold", "navy")} <= images

    translate = pixlate.load("trial", device="cpu")
    image = Image.open(next((tmp_path / "results").rglob("*0_real_A.png")))
    outputs = [np.asarray(translate(image, name="0.png", target=target)) for target in range(3)]
    assert outputs[0].shape == (32, 32, 3)
    assert not np.array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[1], outputs[2])
