"""The default fast path reaches the quality of plain fp32 on the demo data."""

import random
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

import pixlate
from pixlate.data.demo.demo import write_demo
from pixlate.models.networks import convolutions

SEEDS = (0, 1, 2)
STEPS = 400
SIZE = 128
TRAIN, VAL = 40, 16


def load_batch(folder: Path, phase: str, count: int) -> dict[str, Any]:
    data = pixlate.create_dataset(
        "aligned", dataroot=str(folder), phase=phase, load_size=SIZE, crop_size=SIZE, flip=False, cache="off"
    )
    items = [data.sample(i, random.Random(0)) for i in range(count)]
    batch: dict[str, Any] = {side: torch.stack([item[side] for item in items]) for side in "AB"}
    return {**batch, **{f"{side}_paths": [item[f"{side}_paths"] for item in items] for side in "AB"}}


def train_and_evaluate(folder: Path, options: dict[str, Any], seed: int, *, plain: bool) -> tuple[float, float]:
    """L1 and SSIM on the validation images after a short training."""
    precision = "fp32" if plain else "bf16"  # what `auto` is where the hardware has it
    model: Any = pixlate.create_model(**options, ngf=16, ndf=16, seed=seed, precision=precision)
    if plain:
        for net in model.nets.values():
            net.per_sample = False  # one call per image
    order = random.Random(seed)
    train, val = load_batch(folder, "train", TRAIN), load_batch(folder, "val", VAL)
    for step in range(STEPS):
        torch.manual_seed(step)
        index = order.randrange(TRAIN)
        model.training_step({name: values[index : index + 1] for name, values in train.items()})
    fake = model.translate(val)["fake_B"]
    return float((fake - val["B"]).abs().mean()), float(ssim(fake, val["B"], data_range=2.0))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"name": "pix2pix", "netG": "unet_128"}, id="pix2pix"),
        pytest.param({"name": "pix2pix", "netG": "resnet_6blocks", "norm": "instance"}, id="instance norm"),
    ],
)
def test_the_fast_path_learns_as_well_as_the_plain_one(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_demo(tmp_path / "demo", {"train": TRAIN, "val": VAL})
    fast = [train_and_evaluate(tmp_path / "demo", options, seed, plain=False) for seed in SEEDS]
    monkeypatch.setattr(convolutions, "FEW_POSITIONS", 0)  # torch's own convolutions
    monkeypatch.setattr(convolutions, "FEW_CHANNELS", 0)
    plain = [train_and_evaluate(tmp_path / "demo", options, seed, plain=True) for seed in SEEDS]
    for name, plain_values, fast_values in zip(
        ("L1", "SSIM"), zip(*plain, strict=True), zip(*fast, strict=True), strict=True
    ):
        means = statistics.mean(plain_values), statistics.mean(fast_values)
        between_seeds = max(max(values) - min(values) for values in (plain_values, fast_values))
        print(f"{name}: plain {means[0]:.4f}, fast {means[1]:.4f}, between seeds {between_seeds:.4f}")
        assert abs(means[0] - means[1]) <= between_seeds, (name, plain, fast)
