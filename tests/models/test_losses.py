"""The losses of pix2pix and CycleGAN: their weights, the images they compare, and the penalty and policy they feed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

import pixlate
from pixlate.models import builder

TINY = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2}


def tiny(name: str, **options: Any) -> Any:
    return pixlate.create_model(name, **{**TINY, **options})


def batch(seed: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    A, B = (torch.rand(1, 3, 32, 32, generator=generator) * 2 - 1 for _ in "AB")
    return {"A": A, "B": B, "A_paths": ["a.png"], "B_paths": ["b.png"]}


def inputs_of(network: nn.Module) -> list[Tensor]:
    """Records the inputs of a network's calls from now on."""
    inputs: list[Tensor] = []
    network.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0].detach()))
    return inputs


def test_pix2pix_weights_the_l1_loss() -> None:
    result = tiny("pix2pix", lambda_L1=7.0).training_step(batch())
    images = result.images
    torch.testing.assert_close(result.losses["G_L1"], 7 * l1_loss(images["fake_B"], images["real_B"]))


def test_cycle_gan_weights_each_cycle_and_identity_by_its_own_lambda() -> None:
    """cycle_A starts in A, and idt_A, G_A(B), is weighted as the cycle that starts in B."""
    result = tiny("cycle_gan", lambda_A=2.0, lambda_B=3.0, lambda_identity=0.5).training_step(batch())
    losses, images = result.losses, result.images
    torch.testing.assert_close(losses["cycle_A"], 2 * l1_loss(images["rec_A"], images["real_A"]))
    torch.testing.assert_close(losses["cycle_B"], 3 * l1_loss(images["rec_B"], images["real_B"]))
    torch.testing.assert_close(losses["idt_A"], 3 * 0.5 * l1_loss(images["idt_A"], images["real_B"]))
    torch.testing.assert_close(losses["idt_B"], 2 * 0.5 * l1_loss(images["idt_B"], images["real_A"]))


@pytest.mark.parametrize("norm", ["instance", "batch"])  # one batched call for both images, and separate calls
def test_the_generators_minimise_the_sum_of_their_losses(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("cycle_gan", lambda_A=2.0, lambda_B=3.0, norm=norm)
    objectives: dict[str, Tensor] = {}
    monkeypatch.setattr(model, "update", lambda name, loss: objectives.update({name: loss.detach()}))
    losses = model.training_step(batch()).losses
    names = [f"{term}_{side}" for term in ("G", "cycle", "idt") for side in "AB"]
    torch.testing.assert_close(objectives["G"], torch.stack([losses[name] for name in names]).sum())
    torch.testing.assert_close(objectives["D"], losses["D_A"] + losses["D_B"])


def test_the_pools_store_the_fakes_of_a_step() -> None:
    model = tiny("cycle_gan", pool_size=2)
    images = model.training_step(batch()).images
    for side in "AB":
        (stored,) = getattr(model, f"fake_{side}_pool").state_dict()["images"]
        assert torch.equal(stored, images[f"fake_{side}"])


@pytest.mark.parametrize(("discriminator", "real", "pool"), [("D_A", "B", "fake_B_pool"), ("D_B", "A", "fake_A_pool")])
def test_a_discriminator_is_trained_with_images_of_its_pool(
    discriminator: str, real: str, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny("cycle_gan")
    earlier = batch(seed=9)["A"]
    monkeypatch.setattr(getattr(model, pool), "query", lambda fakes: earlier)
    inputs = inputs_of(model.networks[discriminator])
    pair = batch()
    model.training_step(pair)
    assert torch.equal(inputs[-1], torch.cat([pair[real], earlier]))


@pytest.mark.parametrize("name", ["pix2pix", "cycle_gan"])
def test_the_gradient_penalty_lies_between_real_and_fake_images(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs: list[tuple[Tensor, Tensor]] = []

    def spy(D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, lambda_gp: float) -> float:
        pairs.append((real, fake))
        assert lambda_gp == 5
        return 0.0

    monkeypatch.setattr(builder, "gradient_penalty", spy)
    images = tiny(name, gan_mode="wgangp", lambda_gp=5.0, pool_size=0).training_step(batch()).images
    real_A, real_B, fake_B = (images[key] for key in ("real_A", "real_B", "fake_B"))
    if name == "pix2pix":
        expected = [(torch.cat([real_A, real_B], 1), torch.cat([real_A, fake_B], 1))]
    else:
        expected = [(real_B, fake_B), (real_A, images["fake_A"])]
    assert len(pairs) == len(expected)
    for pair, expected_pair in zip(pairs, expected, strict=True):
        assert all(torch.equal(image, other) for image, other in zip(pair, expected_pair, strict=True))


@pytest.mark.parametrize("gan_mode", ["lsgan", "vanilla", "hinge"])
def test_other_losses_have_no_gradient_penalty(gan_mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "gradient_penalty", lambda *_, **__: pytest.fail("it was computed"))
    tiny("pix2pix", gan_mode=gan_mode).training_step(batch())


def test_the_plateau_policy_gets_the_mean_of_the_watched_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("cycle_gan", lr_policy="plateau")
    means: list[float] = []
    monkeypatch.setattr(model.learning_rate.policy, "epoch_ended", means.append)
    for steps in (3, 1):
        losses = [model.training_step(batch(step)).losses for step in range(steps)]
        model.end_epoch()
        watched = sum(float(each["cycle_A"] + each["cycle_B"]) for each in losses) / steps
        assert means[-1] == pytest.approx(watched, rel=1e-5)
    assert len(means) == 2


def masked(**options: Any) -> tuple[Any, dict[str, Any]]:
    """A tiny pix2pix, and a batch whose mask is white on the left."""
    model = pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=2, ndf=2, norm="instance", **options)
    generator = torch.Generator().manual_seed(0)
    batch: dict[str, Any] = {side: torch.rand(1, 3, 32, 32, generator=generator) * 2 - 1 for side in "AB"}
    mask = torch.full((1, 1, 32, 32), -1.0)
    mask[..., :8] = 1
    return model, {**batch, "mask": mask}


def test_a_mask_weights_the_l1_loss() -> None:
    model, batch = masked(lambda_mask=3.0, lambda_L1=1.0, no_dropout=True)
    result = model.training_step(batch)
    difference = (result.images["fake_B"] - batch["B"]).abs()
    expected = (4 * difference[..., :8]).mean() * 0.25 + difference[..., 8:].mean() * 0.75
    torch.testing.assert_close(result.losses["G_L1"], expected)
    plain, _ = masked(lambda_L1=1.0, no_dropout=True)
    torch.testing.assert_close(plain.training_step(batch).losses["G_L1"], difference.mean())


def test_outside_of_a_mask_a_test_shows_the_input() -> None:
    model, batch = masked(composite=True)
    fake = model.translate(batch)["fake_B"]
    assert torch.equal(fake[..., 8:], batch["A"][..., 8:])
    assert not torch.equal(fake[..., :8], batch["A"][..., :8])
    whole = model.translate({name: value for name, value in batch.items() if name != "mask"})["fake_B"]
    assert torch.equal(whole[..., :8], fake[..., :8])
