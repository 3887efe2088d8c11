"""Speed is not paid for with quality: the default fast path learns what plain fp32 learns, on the demo data."""

import random
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

import pixlate
from pixlate.data.demo import write_demo

SEEDS = (0, 1, 2)
STEPS = 150
SIZE = 64


def pictures(folder: Path, phase: str, count: int) -> dict[str, Any]:
    data = pixlate.create_dataset(
        "aligned", dataroot=str(folder), phase=phase, load_size=SIZE, crop_size=SIZE, flip=False, cache="off"
    )
    items = [data.sample(i, random.Random(0)) for i in range(count)]
    batch: dict[str, Any] = {side: torch.stack([item[side] for item in items]) for side in "AB"}
    return {**batch, **{f"{side}_paths": [item[f"{side}_paths"] for item in items] for side in "AB"}}


def learnt(folder: Path, seed: int, *, plain: bool) -> tuple[float, float]:
    """L1 and SSIM on the validation pictures after a short training."""
    model: Any = pixlate.create_model(
        "pix2pix",
        netG="resnet_6blocks",
        ngf=8,
        ndf=8,
        norm="instance",
        dropout=False,
        seed=seed,
        precision="fp32" if plain else "bf16",
    )
    if plain:
        for net in model.nets.values():
            net.per_sample = False  # every picture in a call of its own
    order = random.Random(seed)
    train, val = pictures(folder, "train", 24), pictures(folder, "val", 8)
    for _ in range(STEPS):
        one = order.randrange(24)
        model.training_step({name: part[one : one + 1] for name, part in train.items()})
    fake = model.translate(val)["fake_B"]
    return float((fake - val["B"]).abs().mean()), float(ssim(fake, val["B"], data_range=2.0))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_fast_path_learns_as_well_as_the_plain_one(tmp_path: Path) -> None:
    write_demo(tmp_path / "demo", {"train": 24, "val": 8})
    train = partial(learnt, tmp_path / "demo")
    plain = [train(seed, plain=True) for seed in SEEDS]
    fast = [train(seed, plain=False) for seed in SEEDS]
    for figure in range(2):
        of_plain, of_fast = ([result[figure] for result in results] for results in (plain, fast))
        spread = max(of_plain) - min(of_plain)
        assert abs(statistics.mean(of_plain) - statistics.mean(of_fast)) <= spread, (plain, fast)
