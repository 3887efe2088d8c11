"""The contract of the built-in models: updates, state, inference, accumulation, averages and errors."""

import copy
import math
import random
from typing import Any

import pytest
import torch
from torch import Tensor
from trainings import leaves
from trainings import same as same_value

import pixlate
from pixlate.errors import OptionError
from pixlate.models.execution.device import choose_device
from pixlate.models.image_pool import ImagePool
from pixlate.models.updater import Group

TINY = {
    "pix2pix": {"netG": "unet_128", "ngf": 4, "ndf": 4},
    "cycle_gan": {"netG": "resnet_6blocks", "ngf": 4, "ndf": 4},
}
SIZE = {"pix2pix": 128, "cycle_gan": 32}


def tiny(name: str, **options: Any) -> Any:
    return pixlate.create_model(name, **{**TINY[name], **options})


def batch(name: str, seed: int = 0, n: int = 1, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    A, B = (torch.rand(n, 3, SIZE[name], SIZE[name], generator=generator, dtype=dtype) * 2 - 1 for _ in "AB")
    return {"A": A, "B": B, "A_paths": [f"{i}.png" for i in range(n)], "B_paths": [f"{i}.png" for i in range(n)]}


def weights(model: Any) -> dict[str, Tensor]:
    return {f"{name}.{k}": v.clone() for name, net in model.networks.items() for k, v in net.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("gan_mode", ["lsgan", "vanilla", "hinge", "wgangp"])
@pytest.mark.parametrize("name", TINY)
def test_a_step_changes_every_network_and_leaves_finite_losses(name: str, gan_mode: str) -> None:
    model = tiny(name, gan_mode=gan_mode)
    before = {net_name: copy.deepcopy(net.state_dict()) for net_name, net in model.networks.items()}
    result = model.training_step(batch(name))
    for net_name, net in model.networks.items():
        assert not same(before[net_name], net.state_dict()), net_name
    assert all(math.isfinite(float(loss)) and not loss.requires_grad for loss in result.losses.values())
    assert all(not image.requires_grad for image in result.images.values())


@pytest.mark.parametrize("name", TINY)
def test_the_gradient_penalty_is_applied(name: str) -> None:
    after = []
    for lambda_gp in (0.0, 10.0):
        model = tiny(name, gan_mode="wgangp", lambda_gp=lambda_gp)
        torch.manual_seed(0)
        model.training_step(batch(name))
        after.append(weights(model))
    assert not same(*after)


@pytest.mark.parametrize("name", TINY)
def test_weights_are_a_function_of_the_seed(name: str) -> None:
    assert same(weights(tiny(name, seed=3)), weights(tiny(name, seed=3)))
    assert not same(weights(tiny(name, seed=3)), weights(tiny(name, seed=4)))


@pytest.mark.parametrize("name", TINY)
def test_creating_a_model_draws_nothing_from_the_global_generators(name: str) -> None:
    before = (torch.get_rng_state(), random.getstate())
    tiny(name)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()


@pytest.mark.parametrize("name", TINY)
def test_translate_changes_nothing(name: str) -> None:
    model = tiny(name, norm="batch", dropout=True)
    model.training_step(batch(name))
    before, rng = weights(model), torch.get_rng_state()
    first, second = model.translate(batch(name, 5)), model.translate(batch(name, 5))
    assert same(before, weights(model))
    assert torch.equal(rng, torch.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("name", TINY)
def test_a_translation_does_not_depend_on_its_batch(name: str, norm: str) -> None:
    model = tiny(name, norm=norm, dropout=True)
    together = batch(name, n=3)
    images = model.translate(together)
    for i in range(3):
        alone = {key: value[i : i + 1] for key, value in together.items()}
        for label, image in model.translate(alone).items():
            torch.testing.assert_close(images[label][i : i + 1], image, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", TINY)
def test_the_output_alone_is_that_of_translate(name: str) -> None:
    model = tiny(name, norm="instance", dropout=False)
    pair = batch(name)
    expected = model.translate(pair)["fake_B"]
    assert torch.equal(model.fake(pair), expected)
    assert torch.equal(model.fake({"A": pair["A"]}), expected)


@pytest.mark.parametrize("name", TINY)
def test_btoa_swaps_the_sides(name: str) -> None:
    pair = batch(name)
    images = tiny(name, direction="BtoA").translate(pair)
    assert torch.equal(images["real_A"], pair["B"])
    assert torch.equal(images["real_B"], pair["A"])


def test_btoa_swaps_the_paths_with_the_images() -> None:
    pair = {**batch("cycle_gan"), "A_paths": ["of A"], "B_paths": ["of B"], "C": "other"}
    directed = tiny("cycle_gan", direction="BtoA").directed(pair)
    assert (directed["A_paths"], directed["B_paths"], directed["C"]) == (["of B"], ["of A"], "other")
    assert torch.equal(directed["A"], pair["B"])
    inputs = {"A": pair["A"], "A_paths": ["of A"]}
    assert tiny("cycle_gan", direction="BtoA").directed(inputs)["A_paths"] == ["of A"]


def test_a_resumed_model_keeps_its_own_learning_rate_and_momentum() -> None:
    first, second = tiny("cycle_gan"), tiny("cycle_gan", lr=0.5, beta1=0.1)
    first.training_step(batch("cycle_gan"))
    second.load_state_dict(first.state_dict())
    second.start_epoch(1)
    (group,) = second.optimizers["G"].param_groups
    assert (group["lr"], group["betas"]) == (0.5, (0.1, 0.999))
    assert len(second.optimizers["G"].state) == len(first.optimizers["G"].state) > 0


def test_a_model_that_only_translates_loads_no_learning_rate_policy(tmp_path: Any) -> None:
    plugins = pixlate.get_plugins()
    (tmp_path / "broken_policy.py").write_text(
        "from pixlate.plugins import hookimpl\n"
        "@hookimpl\n"
        "def register_lr_policies(register):\n"
        "    register('broken', 'no_such_module:Policy', help='cannot be imported')\n"
    )
    plugins.load_file(tmp_path / "broken_policy.py")
    tiny("pix2pix", train=False, lr_policy="broken").translate(batch("pix2pix"))
    with pytest.raises(OptionError, match="no_such_module"):
        tiny("pix2pix", lr_policy="broken")


@pytest.mark.parametrize("name", TINY)
def test_the_state_continues_exactly(name: str, tmp_path: Any) -> None:
    first = tiny(name, dropout=True, pool_size=2, ema=True, lr_policy="plateau")
    for step in range(4):
        torch.manual_seed(step)
        first.training_step(batch(name, step))
    first.end_epoch()
    torch.save(first.state_dict(), tmp_path / "state.pt")

    second = tiny(name, dropout=True, pool_size=2, ema=True, lr_policy="plateau", seed=9)
    second.prepare_once(batch(name))
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for model in (first, second):
        for step in range(4, 8):
            torch.manual_seed(step)
            last = model.training_step(batch(name, step))
        model.last_losses = last.losses
    assert same(weights(first), weights(second))
    assert same(first.last_losses, second.last_losses)
    for net in first.averages:
        assert same(first.averages[net].state_dict(), second.averages[net].state_dict())


@pytest.mark.parametrize("name", TINY)
def test_a_loaded_state_is_the_saved_one(name: str) -> None:
    """Every value of it, those included that later steps show late or never."""
    first, second = (tiny(name, pool_size=2, ema=True, lr_policy="plateau", seed=seed) for seed in (0, 9))
    for step in range(3):
        first.training_step(batch(name, step))
    for _ in range(8):
        first.learning_rate.policy.epoch_ended(1.0)  # the rate falls
    first.updater.skipped.fill_(2)
    saved = dict(leaves(copy.deepcopy(first.state_dict())))
    assert saved["/updater/skipped"] == 2
    second.load_state_dict(first.state_dict())
    loaded = dict(leaves(second.state_dict()))
    assert [key for key in saved if not same_value(loaded.get(key), saved[key])] == []
    second.start_epoch(9)
    assert second.optimizers["G"].param_groups[0]["lr"] == pytest.approx(0.2 * second.shared.lr)


@pytest.mark.parametrize("name", TINY)
def test_a_step_with_nan_gradients_is_not_applied(name: str) -> None:
    model = tiny(name, norm="instance")
    model.training_step(batch(name))
    before = weights(model)
    model.training_step({**batch(name), "A": torch.full_like(batch(name)["A"], math.nan)})
    assert same(before, weights(model))
    assert model.updater.take_skipped() == 2
    model.training_step(batch(name))
    assert not same(before, weights(model))


def test_accumulated_batches_equal_one_large_batch_for_cycle_gan() -> None:
    """With per-sample norms, no history of fakes, and D updated after G."""
    options = {"pool_size": 0, "norm": "instance"}
    one, two = tiny("cycle_gan", **options), tiny("cycle_gan", **options)
    for model in (one, two):
        for net in model.networks.values():
            net.double()
    large = batch("cycle_gan", n=2, dtype=torch.float64)
    one.training_step(large)
    for i in range(2):
        two.training_step({k: v[i : i + 1] for k, v in large.items()}, group=Group(2, last=i == 1))
    for key, weight in weights(one).items():
        torch.testing.assert_close(weight, weights(two)[key], atol=1e-7, rtol=0)


def test_the_average_follows_the_weights() -> None:
    model = tiny("pix2pix", ema=True, ema_decay=0.9)
    expected = None
    for step in range(3):
        weight = model.networks["G"].state_dict()["model.model.0.weight"].clone()
        expected = weight if expected is None else expected
        model.training_step(batch("pix2pix", step))
        weight = model.networks["G"].state_dict()["model.model.0.weight"]
        expected = 0.9 * expected + 0.1 * weight
    torch.testing.assert_close(model.averages["G"].state_dict()["model.model.0.weight"], expected)


def test_both_pools_share_one_generator_and_draw_in_the_order_of_the_reference() -> None:
    """Until a pool is full it returns its input; then it draws a uniform number, and an index if that exceeds 0.5."""
    rng, expected = random.Random(7), random.Random(7)
    pools = [ImagePool(2, rng), ImagePool(2, rng)]
    stored: list[list[float]] = [[], []]
    for step in range(40):
        for number, pool in enumerate(pools):
            fake = float(step * 2 + number)
            returned = float(pool.query(torch.full((1, 1, 1, 1), fake)))
            if len(stored[number]) < 2:
                stored[number].append(fake)
                assert returned == fake
            elif expected.uniform(0, 1) > 0.5:
                index = expected.randint(0, 1)
                assert returned == stored[number][index]
                stored[number][index] = fake
            else:
                assert returned == fake


def test_identity_images_only_where_the_loss_is_on() -> None:
    on = tiny("cycle_gan").training_step(batch("cycle_gan"))
    off = tiny("cycle_gan", lambda_identity=0.0).training_step(batch("cycle_gan"))
    assert list(on.images) == ["real_A", "fake_B", "rec_A", "idt_B", "real_B", "fake_A", "rec_B", "idt_A"]
    assert list(off.images) == ["real_A", "fake_B", "rec_A", "real_B", "fake_A", "rec_B"]
    assert list(on.losses) == list(off.losses)
    assert float(off.losses["idt_A"]) == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lamda_L1": 3}, "Did you mean 'lambda_L1'"),
        ({"netG": "unet_255"}, "Did you mean 'unet_256'"),
        ({"lr": -1}, "option 'lr'"),
        ({"lr": math.nan}, "finite"),
        ({"no_dropout": True, "dropout": True}, "given twice"),
        ({"gan_mode": "lsgann"}, "Did you mean 'lsgan'"),
        ({"device": "cuda:99"}, "not on this machine"),
        ({"device": "gpu"}, "not one of auto"),
    ],
)
def test_invalid_options_are_errors_of_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        pixlate.create_model("pix2pix", **options)


@pytest.mark.parametrize("gpu_ids", ["--1", "²", "one", ",", "0x1"])
def test_invalid_gpu_ids_are_an_error_of_one_sentence(gpu_ids: str) -> None:
    with pytest.raises(OptionError, match="not a list of GPU numbers"):
        choose_device("auto", gpu_ids)


def test_the_identity_loss_requires_equal_channels() -> None:
    with pytest.raises(OptionError, match="lambda_identity 0"):
        tiny("cycle_gan", input_nc=1)
    tiny("cycle_gan", input_nc=1, lambda_identity=0)


def test_the_test_model_cannot_be_trained() -> None:
    with pytest.raises(OptionError, match="cannot be trained"):
        pixlate.create_model("test")


@pytest.mark.parametrize("name", TINY)
def test_the_networks_may_compute_in_bfloat16(name: str) -> None:
    model = tiny(name, precision="bf16")
    result = model.training_step(batch(name))
    assert all(loss.dtype == torch.float32 for loss in result.losses.values())
    assert all(weight.dtype == torch.float32 for net in model.networks.values() for weight in net.parameters())


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("name", TINY)
def test_recomputing_activations_changes_nothing(name: str, norm: str) -> None:
    models = [tiny(name, norm=norm, dropout=True, checkpoint_gradients=on) for on in (False, True)]
    for model in models:
        for step in range(2):
            torch.manual_seed(step)
            model.training_step(batch(name, step))
    assert same(*map(weights, models))


def test_dropout_at_test_depends_on_the_file_s_name_without_its_folders() -> None:
    model = tiny("pix2pix")
    pair = {side: torch.rand(1, 3, 128, 128) for side in "AB"}
    paths = ("one/1.png", "other/folder/1.png", "C:\\one\\1.png", "one/2.png")
    first, moved, windows, other = (model.translate({**pair, "A_paths": [path]})["fake_B"] for path in paths)
    assert torch.equal(first, moved)
    assert torch.equal(first, windows)
    assert not torch.equal(first, other)
