"""The plugin keeps pixlate's contract, trains on pairs, and gives several outputs for an input."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pixlate
import pytest
import torch
from PIL import Image
from pixlate import get_plugins
from pixlate import test as testing
from pixlate.plugins.testing import check_model
from pixlate.train import main as train

SMALL: dict[str, Any] = {"netG": "unet_128", "ngf": 4, "ndf": 4, "nef": 4, "n_layers_D": 1}


@pytest.mark.parametrize("options", [{}, {"ema": True, "gan_mode": "wgangp", "optimizer": "adamw"}])
def test_it_keeps_the_contract(options: dict[str, object]) -> None:
    check_model("bicycle_gan", plugins=get_plugins(), **SMALL, **options)


def batch(n: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    images = {side: torch.rand(n, 3, 128, 128, generator=generator) * 2 - 1 for side in "AB"}
    return {**images, "A_paths": [f"{i}.png" for i in range(n)]}


def test_codes_of_a_sample_do_not_depend_on_its_batch() -> None:
    model = pixlate.create_model("bicycle_gan", train=False, n_samples=5, **SMALL)
    images = model.translate(batch(2))
    assert [name for name in images if name.startswith("fake_B_") and name[-1].isdigit()] == [
        f"fake_B_{number}" for number in range(1, 6)
    ]
    alone = model.translate({name: value[:1] for name, value in batch(2).items()})
    for name in images:
        torch.testing.assert_close(images[name][:1], alone[name], atol=1e-5, rtol=0)
    assert not torch.equal(images["fake_B_1"], images["fake_B_2"])


def test_it_learns_a_code_that_matters() -> None:
    """On one input with two targets, encoded images approach both."""
    model = pixlate.create_model("bicycle_gan", **SMALL, lr=0.005, nz=2, lambda_GAN2=0.0)
    ramp = torch.linspace(-1, 1, 128).expand(128, 128)
    A = torch.stack([ramp, ramp.T, (6 * ramp).sin()]).repeat(2, 1, 1, 1)
    B = torch.cat([0.8 * A[:1], -0.8 * A[:1]])
    losses = []
    for step in range(100):
        torch.manual_seed(step)
        losses.append(float(model.training_step({"A": A, "B": B}).losses["G_L1"]))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_it_trains_and_shows_several_outputs(
    tiny_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = " ".join(f"--{name} {value}" for name, value in SMALL.items())
    words = f"--model bicycle_gan --dataroot {tiny_dataset('aligned', size=40)} --name trial {small}"
    sizes = (
        "--load_size 128 --crop_size 128 --num_threads 0 --display_id 0 --device cpu --n_epochs 2 --n_epochs_decay 0"
    )
    for command, arguments in ((train, f"{words} {sizes}"), (testing.main, "--n_samples 4")):
        with pytest.raises(SystemExit) as ended:
            command(arguments.split())
        assert ended.value.code == 0
    shown = {path.name for path in (tmp_path / "results").rglob("0_*.png")}
    assert shown == {
        "0_real_A.png", "0_real_B.png", "0_fake_B_encoded.png", *(f"0_fake_B_{number}.png" for number in range(1, 5)),
    }  # fmt: skip

    translate = pixlate.load("trial", device="cpu")
    image = Image.open(next((tmp_path / "results").rglob("0_real_A.png")))
    codes = [torch.full((8,), value) for value in (-3.0, 3.0)]
    first, second = (np.asarray(translate(image, z=code)) for code in codes)
    assert not np.array_equal(first, second)
    assert np.array_equal(np.asarray(translate(image, z=codes[0])), first)
