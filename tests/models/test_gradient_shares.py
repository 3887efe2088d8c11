"""The share of each term in the generators' gradient: its value, and that measuring changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from trainings import CYCLE_GAN, KILL_AT, PIX2PIX, differences, make_images, train

import pixlate
from pixlate.models.gradient_shares import GradientShares

OFTEN = "from pixlate.runs import training\ntraining.SHARES_FREQ = 1\n"
MODELS: dict[str, dict[str, Any]] = {
    "pix2pix": {"netG": "resnet_6blocks"},
    "cycle_gan": {"netG": "resnet_6blocks", "lambda_identity": 0.5},
}


def trained(name: str, *, measured: bool, **options: Any) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The weights after three steps, and the shares of the second one."""
    torch.manual_seed(0)
    options = {**MODELS[name], "ngf": 2, "ndf": 2, **options}
    model = pixlate.create_model(name, **options)
    shares: dict[str, float] = {}
    for step in range(3):
        if measured and step == 1:
            model.gradient_shares.request()
        generator = torch.Generator().manual_seed(step)
        batch: dict[str, Any] = {side: torch.rand(1, 3, 32, 32, generator=generator) * 2 - 1 for side in "AB"}
        torch.manual_seed(step)  # of dropout
        model.training_step({**batch, "A_paths": ["a"], "B_paths": ["b"]})
        shares |= model.gradient_shares.take()
    weights = {f"{net}.{key}": w for net, module in model.networks.items() for key, w in module.state_dict().items()}
    return weights, shares


@pytest.mark.parametrize("options", [{}, {"clip_grad": 0.1, "ema": True}, {"precision": "bf16"}], ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_measuring_changes_nothing(name: str, options: dict[str, Any]) -> None:
    plain, none = trained(name, measured=False, **options)
    measured, shares = trained(name, measured=True, **options)
    assert none == {}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert plain.keys() == measured.keys()
    assert all(torch.equal(plain[key], measured[key]) for key in plain)


def test_the_terms_are_those_of_the_objective() -> None:
    assert trained("pix2pix", measured=True)[1].keys() == {"G_GAN", "G_L1"}
    cycle = trained("cycle_gan", measured=True)[1]
    assert cycle.keys() == {"G_A", "G_B", "cycle_A", "cycle_B", "idt_A", "idt_B"}
    assert trained("cycle_gan", measured=True, lambda_identity=0.0)[1]["idt_A"] == 0


def test_a_share_is_the_norm_of_a_gradient() -> None:
    weights = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    optimizer = torch.optim.SGD([weights], lr=0.1)
    shares = GradientShares()
    terms = {"square": weights.square().sum(), "first": 5 * weights[0], "off": torch.zeros(())}
    shares.measure([optimizer], terms)
    assert shares.take() == {}  # not requested
    shares.request()
    shares.measure([optimizer], terms)
    square = 2 * 14**0.5
    expected = {"square": square / (square + 5), "first": 5 / (square + 5), "off": 0}
    assert shares.take() == pytest.approx(expected)
    assert shares.take() == {}
    assert weights.grad is None


def test_a_larger_weight_has_a_larger_share() -> None:
    values = [trained("pix2pix", measured=True, lambda_L1=weight)[1]["G_L1"] for weight in (0.1, 10.0, 1000.0)]
    assert values == sorted(values)
    assert values[0] < 0.5 < values[2]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param((*PIX2PIX, "--n_D_steps", "2"), id="pix2pix"),
        pytest.param(CYCLE_GAN, id="cycle_gan", marks=pytest.mark.slow),
    ],
)
def test_runs_report_them_and_resume_exactly(tmp_path: Path, case: tuple[str, ...]) -> None:
    make_images(tmp_path / "images")
    train(tmp_path / "whole", *case, before=OFTEN)
    out = train(tmp_path / "killed", *case, before=OFTEN + KILL_AT.format(images=14), expect=-9).output
    assert "shares of the gradient: G_" in out
    train(tmp_path / "killed", *case, "--continue_train", before=OFTEN)
    lines = (tmp_path / "whole" / "run" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) >= 2
    assert all(sum(json.loads(line)["metrics"].values()) == pytest.approx(1, abs=1e-3) for line in lines)
    assert differences(tmp_path / "whole" / "run", tmp_path / "killed" / "run") == []
    logs = [(tmp_path / name / "run" / "metrics.jsonl").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]
