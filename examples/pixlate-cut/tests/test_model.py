"""The behaviour of both models with any options."""

import copy
import math
from typing import Any

import pixlate
import pytest
import torch
from pixlate.errors import OptionError
from torch import Tensor

TINY = {"ngf": 4, "ndf": 4, "netF_nc": 8, "num_patches": 16, "netG": "cut_resnet_6blocks"}
MODELS = ("cut", "fastcut")


def tiny(name: str, **options: Any) -> Any:
    return pixlate.create_model(name, **{**TINY, **options})


def batch(seed: int = 0, n: int = 1, size: int = 32) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    A, B = (torch.rand(n, 3, size, size, generator=generator) * 2 - 1 for _ in "AB")
    names = [f"{i}.png" for i in range(n)]
    return {"A": A, "B": B, "A_paths": names, "B_paths": names}


def weights(model: Any) -> dict[str, Tensor]:
    return {f"{name}.{k}": v.clone() for name, net in model.networks.items() for k, v in net.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_the_defaults_are_the_published_ones() -> None:
    cut: Any = pixlate.create_model("cut", ngf=1, ndf=1)
    fast: Any = pixlate.create_model("fastcut", ngf=1, ndf=1)
    assert (cut.config.lambda_NCE, cut.config.nce_idt, cut.config.flip_equivariance) == (1.0, True, False)
    assert (fast.config.lambda_NCE, fast.config.nce_idt, fast.config.flip_equivariance) == (10.0, False, True)
    assert (cut.shared.n_epochs, cut.shared.n_epochs_decay) == (200, 200)
    assert (fast.shared.n_epochs, fast.shared.n_epochs_decay) == (150, 50)
    for model in (cut, fast):
        assert (model.config.nce_T, model.config.num_patches, model.config.netF_nc) == (0.07, 256, 256)
        assert (model.shared.init_type, model.shared.pool_size, model.shared.dropout) == ("xavier", 0, False)
        assert model.layers == (0, 4, 8, 12, 16)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gan_mode": "wgangp"},
        {"norm": "batch", "dropout": True, "accumulate": 2},
        {"precision": "bf16", "checkpoint_gradients": True},
        {"clip_grad": 1.0, "nce_includes_all_negatives_from_minibatch": True},
    ],
    ids=lambda options: "-".join(map(str, options)) or "defaults",
)
def test_a_step_changes_every_network_and_leaves_finite_losses(name: str, options: dict[str, Any]) -> None:
    model = tiny(name, **options)
    model.prepare_once(batch(n=2))
    before = {net_name: copy.deepcopy(net.state_dict()) for net_name, net in model.networks.items()}
    result = model.training_step(batch(n=2))
    assert list(before) == ["G", "D", "F"]
    for net_name, net in model.networks.items():
        assert not same(before[net_name], net.state_dict()), net_name
    assert all(math.isfinite(float(loss)) and not loss.requires_grad for loss in result.losses.values())
    idt = name == "cut"
    assert list(result.losses) == ["G_GAN", "D_real", "D_fake", "G", "NCE"] + ["NCE_Y"] * idt
    assert list(result.images) == ["real_A", "fake_B", "real_B"] + ["idt_B"] * idt


def test_preparing_leaves_no_trace() -> None:
    model = tiny("cut", norm="batch", dropout=True)
    before, rng = weights(model), torch.get_rng_state()
    model.prepare_once(batch())
    after = {key: value for key, value in weights(model).items() if not key.startswith("F.")}
    assert same(before, after)
    assert torch.equal(rng, torch.get_rng_state())


@pytest.mark.parametrize("name", MODELS)
def test_the_state_continues_exactly(name: str, tmp_path: Any) -> None:
    options = {"dropout": True, "pool_size": 2, "ema": True, "lr_policy": "plateau"}
    first = tiny(name, **options)
    for step in range(4):
        torch.manual_seed(step)
        first.training_step(batch(step))
    first.end_epoch()
    torch.save(first.state_dict(), tmp_path / "state.pt")

    second = tiny(name, **options, seed=9)
    second.prepare_once(batch(7))
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for model in (first, second):
        for step in range(4, 7):
            torch.manual_seed(step)
            model.training_step(batch(step))
    assert same(weights(first), weights(second))


def test_half_of_the_inputs_are_flipped_by_torchs_generator() -> None:
    model = tiny("fastcut")
    torch.manual_seed(0)
    drawn = [model.draw_flip() for _ in range(200)]
    assert 70 < sum(drawn) < 130
    torch.manual_seed(0)
    assert drawn == [model.draw_flip() for _ in range(200)]


def test_a_flipped_translation_is_flipped_back_for_display() -> None:
    shown = []
    for flipped in (False, True):
        model = tiny("fastcut", lambda_NCE=0.0)
        model.draw_flip = lambda flipped=flipped: flipped
        pair = batch()
        if flipped:
            pair["A"] = pair["A"].flip(3)
        shown.append(model.training_step(pair).images["fake_B"])
    assert torch.equal(shown[0], shown[1].flip(3))


def test_images_of_two_sizes_are_translated_one_by_one() -> None:
    pair = batch()
    pair["B"] = pair["B"][..., :24]
    images = tiny("cut").training_step(pair).images
    assert images["fake_B"].shape[3] == 32
    assert images["idt_B"].shape[3] == 24


def test_a_short_last_batch_is_contrasted_image_by_image() -> None:
    model = tiny("cut", nce_idt=False, lambda_GAN=0.0, lr=1e-12)
    model.draw_locations = torch.arange
    pair = batch(n=2)
    alone = [{key: value[i : i + 1] for key, value in pair.items()} for i in range(2)]
    together = model.training_step(pair).losses["NCE"]
    separate = torch.stack([model.training_step(one).losses["NCE"] for one in alone]).mean()
    torch.testing.assert_close(together, separate, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_without_the_patch_loss_there_is_no_F(name: str) -> None:
    model = tiny(name, lambda_NCE=0.0)
    losses = model.training_step(batch()).losses
    assert "F" not in model.networks
    assert float(losses["NCE"]) == 0.0
    assert float(losses["G"]) == pytest.approx(float(losses["G_GAN"]))


def test_features_can_be_compared_without_a_projection() -> None:
    model = tiny("cut", netF="sample")
    before = weights(model)
    model.training_step(batch())
    assert "F" not in model.optimizers
    assert not same(before, {key: value for key, value in weights(model).items() if not key.startswith("F.")})


@pytest.mark.parametrize("name", MODELS)
def test_a_test_needs_the_generator_alone(name: str) -> None:
    model = tiny(name, train=False, netG="resnet_6blocks", nce_layers="99")
    assert list(model.networks) == ["G"]
    assert list(model.translate(batch())) == ["real_A", "fake_B", "real_B"]
    assert list(model.translate({"A": batch()["A"]})) == ["real_A", "fake_B"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"netG": "resnet_6blocks"}, "has no features"),
        ({"netG": "unet_128"}, "has no features"),
        ({"nce_layers": "0,4,400"}, "numbers from 0 to"),
        ({"nce_layers": "8,4"}, "ascending"),
        ({"nce_layers": "0,x"}, "such as 0,4,8,12,16"),
        ({"nce_layers": ""}, "ascending"),
        ({"output_nc": 1}, "the same number"),
        ({"netF": "basic"}, "no projection is named 'basic'"),
        ({"nce_T": 0}, "nce_T"),
        ({"num_patches": 0}, "num_patches"),
        ({"nce_idt": "perhaps"}, "nce_idt"),
    ],
    ids=lambda value: str(value),
)
def test_invalid_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        tiny("cut", **options)
