"""The structure loss: its definition, its gradient, and its place in pix2pix and CycleGAN."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import pixlate
from pixlate.errors import OptionError
from pixlate.models import ModelContext, structure_loss
from pixlate.models.structure import require_images
from pixlate.plugins import Field

TINY = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2}


def images(n: int = 2, seed: int = 0, size: int = 12, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, channels, size, size, generator=generator, dtype=torch.float64) * 2 - 1


def test_it_is_one_minus_the_correlation_of_the_gradients() -> None:
    x, y = images(seed=0), images(seed=1, channels=1)
    greys = [image.mean(1).numpy() for image in (x, y)]
    found = [
        1 - np.mean([np.corrcoef(*(np.diff(grey[i], axis=axis).ravel() for grey in greys))[0, 1] for axis in (0, 1)])
        for i in range(2)
    ]
    assert float(structure_loss(x, y)) == pytest.approx(np.mean(found), abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 99), factor=st.floats(0.2, 3), offset=st.floats(-0.5, 0.5))
def test_brightness_and_contrast_do_not_count(seed: int, factor: float, offset: float) -> None:
    x = images(seed=seed)
    assert float(structure_loss(x, x * factor + offset)) == pytest.approx(0, abs=1e-6)
    assert float(structure_loss(x, -x)) == pytest.approx(2, abs=1e-6)
    assert float(structure_loss(x, x.flip(3))) > 0.3


def test_its_gradient_is_that_of_finite_differences() -> None:
    x, y = images(1, 0, size=6), images(1, 1, size=6).requires_grad_()
    assert torch.autograd.gradcheck(lambda output: structure_loss(x, output), (y,))
    structure_loss(x, y).backward()
    assert y.grad is not None
    assert (y.grad.abs() > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_image_without_edges_has_a_finite_gradient(dtype: torch.dtype) -> None:
    y = torch.full((1, 3, 8, 8), 0.3, dtype=dtype, requires_grad=True)
    loss = structure_loss(images(1, size=8).to(dtype), y)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1, abs=0.01)
    assert y.grad is not None
    assert torch.isfinite(y.grad).all()


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("pix2pix", {"G_structure": ("real_A", "fake_B")}),
        ("cycle_gan", {"structure_A": ("real_A", "fake_B"), "structure_B": ("real_B", "fake_A")}),
    ],
)
def test_models_add_it_to_the_objective_of_their_generators(
    name: str, pairs: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch: dict[str, Any] = {"A": images(1, 0, 32).float(), "B": images(1, 1, 32).float()}
    objectives: list[Tensor] = []
    results = []
    for weight in (0.0, 3.0):
        model = pixlate.create_model(name, **TINY, seed=0, dropout=False, lambda_structure=weight)
        monkeypatch.setattr(model, "update", lambda _, loss: objectives.append(loss.detach()))
        results.append(model.training_step({**batch, "A_paths": ["a"], "B_paths": ["b"]}))
    off, on = results
    assert not [loss for loss in off.losses if "structure" in loss]
    for loss, (given_label, output) in pairs.items():
        expected = 3 * structure_loss(on.images[given_label], on.images[output])
        torch.testing.assert_close(on.losses[loss], expected)
    added = torch.stack([on.losses[loss] for loss in pairs]).sum()
    # The objectives are recorded in the order of the updates: D, G of pix2pix and G, D of CycleGAN.
    place = 1 if name == "pix2pix" else 0
    torch.testing.assert_close(objectives[2 + place] - objectives[place], added)


@pytest.mark.parametrize("field", [Field(kind="labels", classes=3), Field(scale=2)])
def test_labels_and_other_sizes_are_a_sentence(field: Field) -> None:
    context = ModelContext(torch.device("cpu"), True, {}, {"A": Field(), "B": field})
    with pytest.raises(OptionError, match=r"the output is .*: use --lambda_structure 0"):
        require_images(context)
    require_images(ModelContext(torch.device("cpu"), True, {}, None))
