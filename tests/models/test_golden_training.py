"""Six training steps of each model give the reference's losses and outputs, in float64."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from golden.pattern import pattern
from paths import GOLDEN

import pixlate

CASES = {"pix2pix": "pix2pix_train.npz", "cycle_gan": "cycle_gan_train.npz"}


def batch(first_seed: int, second_seed: int, size: int) -> dict[str, Any]:
    A, B = (torch.from_numpy(pattern(seed, 3, size, size)).double() for seed in (first_seed, second_seed))
    return {"A": A, "B": B, "A_paths": ["a"], "B_paths": ["b"]}


def model_of(name: str, golden: Any) -> tuple[Any, dict[str, Any]]:
    meta = json.loads(str(golden["meta"]))
    foreign = ("lambda_A", "lambda_B", "lambda_identity") if name == "pix2pix" else ("lambda_L1",)
    options = {key: value for key, value in meta["options"].items() if key not in foreign}
    model = pixlate.create_model(name, **options)
    for net_name, net in model.networks.items():
        net.double()
        prefix = f"init/net{net_name}/"
        weights = {k.removeprefix(prefix): torch.from_numpy(golden[k]) for k in golden.files if k.startswith(prefix)}
        missing, unexpected = net.load_state_dict(weights, strict=False)
        assert not unexpected
        assert all(key.endswith("num_batches_tracked") for key in missing)
    return model, meta


@pytest.mark.parametrize("name", CASES)
def test_six_steps_and_the_outputs_after_them(name: str) -> None:
    golden = np.load(GOLDEN / CASES[name])
    model, meta = model_of(name, golden)
    for step, expected in enumerate(golden["losses"]):
        seed = 1000 * meta["seed"] + 2 * step
        result = model.training_step(batch(seed, seed + 1, meta["image_size"]))
        assert list(result.losses) == meta["loss_names"]
        np.testing.assert_allclose([float(loss) for loss in result.losses.values()], expected, atol=1e-9)
    images = model.translate(batch(999, 998, meta["image_size"]))
    for key in golden.files:
        if key.startswith("final/"):
            np.testing.assert_allclose(images[key.removeprefix("final/")].numpy(), golden[key], atol=1e-6)
