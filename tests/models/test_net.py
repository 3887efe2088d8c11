"""How models call networks, and updates of several optimizers at once."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

import pixlate
from pixlate.models.execution.net import Execution, Net, frozen
from pixlate.models.networks import mode
from pixlate.models.updater import Group, Updater

CPU = torch.device("cpu")


class Layers(nn.Module):
    """A network that can return features."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Conv2d(2, 3, 3))

    def forward(self, x: Tensor, layers: Sequence[int] = ()) -> Tensor | list[Tensor]:
        outputs = []
        for layer in self.model:
            x = layer(x)
            outputs.append(x)
        return [outputs[index] for index in layers] if layers else x


@pytest.mark.parametrize(
    "execution",
    [Execution(CPU), Execution(CPU, torch.bfloat16), Execution(CPU, checkpointed=True)],
    ids=["plain", "bf16", "checkpointed"],
)
def test_keyword_arguments_are_passed_to_the_network(execution: Execution) -> None:
    net = Net(Layers(), execution)
    x = torch.rand(1, 1, 8, 8, requires_grad=True)
    features = net(x, layers=(0, 2))
    assert [f.shape[1] for f in features] == [2, 3]
    assert all(f.dtype is torch.float32 for f in features)
    torch.testing.assert_close(features[1], net(x))
    features[0].sum().backward()
    assert x.grad is not None


def test_frozen_networks_get_no_gradients_and_return_to_what_they_were() -> None:
    net = Net(Layers(), Execution(CPU))
    weights = list(net.module.parameters())
    weights[0].requires_grad_(False)  # as a plugin may do for good
    x = torch.rand(1, 1, 8, 8, requires_grad=True)
    with frozen(net):
        net(x).sum().backward()
    assert x.grad is not None
    assert all(weight.grad is None for weight in weights)
    assert [weight.requires_grad for weight in weights] == [False, *[True] * (len(weights) - 1)]


def test_networks_are_compiled_for_constant_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With dynamic shapes, compiled code is not reproducible, and a resumed run would not be exact."""
    calls: list[dict[str, object]] = []
    monkeypatch.setattr(torch, "compile", lambda module, **how: calls.append(how) or module)
    Net(Layers(), Execution(CPU))
    assert calls == []
    Net(Layers(), Execution(CPU, compiled=True))
    assert calls == [{"dynamic": False}]


def test_inference_uses_the_averaged_network_for_features() -> None:
    net = Net(Layers(), Execution(CPU))
    net.start_average()
    assert net.ema is not None
    x = torch.rand(1, 1, 8, 8)
    before = net(x, layers=(0,))[0]
    with torch.no_grad():
        net.module.model[0].weight.zero_()  # type: ignore[union-attr,operator]
    with mode.set_inference_mode(mode.InferenceMode("image", None)):
        torch.testing.assert_close(net(x, layers=(0,))[0], before)


def test_the_average_copies_the_buffers_of_its_network() -> None:
    model = pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=2, ndf=2, norm="batch", ema=True, ema_decay=0.9)
    for step in range(2):
        A, B = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(step)).unbind()
        model.training_step({"A": A, "B": B})
    buffers, averaged = (dict(net.named_buffers()) for net in (model.networks["G"], model.averages["G"]))
    assert any(key.endswith("running_mean") for key in buffers)
    assert buffers.keys() == averaged.keys()
    assert all(torch.equal(buffers[key], averaged[key]) for key in buffers)


@pytest.mark.parametrize("scaled", [False, True])
def test_optimizers_that_share_a_loss_are_updated_together(scaled: bool) -> None:
    a, b = (nn.Parameter(torch.ones(1)) for _ in range(2))
    updater = Updater(CPU, scaled=scaled, clip_grad=1.0)
    optimizers = [SGD([a], lr=1.0), SGD([b], lr=1.0)]
    updater.update(optimizers, 3 * a.sum() + 4 * b.sum())
    torch.testing.assert_close(a.detach(), torch.tensor([1 - 0.6]), atol=1e-5, rtol=0)
    torch.testing.assert_close(b.detach(), torch.tensor([1 - 0.8]), atol=1e-5, rtol=0)
    assert a.grad is None
    assert b.grad is None
    updater.step_ended()

    updater.update(optimizers, a.sum() * float("nan") + b.sum())
    torch.testing.assert_close(b.detach(), torch.tensor([0.2]), atol=1e-5, rtol=0)
    assert updater.take_skipped() == 1


def test_accumulated_gradients_are_applied_with_the_last_batch_of_a_group() -> None:
    a, b = (nn.Parameter(torch.ones(1)) for _ in range(2))
    updater = Updater(CPU, scaled=False, clip_grad=0.0)
    optimizers = [SGD([a], lr=1.0), SGD([b], lr=1.0)]
    for last in (False, True):
        updater.group = Group(2, last)
        updater.update(optimizers, a.sum() + (2 * b.sum() if last else 0))
        updater.step_ended()
    assert a.item() == 0.0
    assert b.item() == 0.0


def test_rounded_weights_give_the_same_output_and_follow_changes_of_the_network() -> None:
    inputs = {"A": torch.rand(1, 3, 32, 32) * 2 - 1, "A_paths": ["a"]}
    options = {"netG": "resnet_6blocks", "ngf": 4, "ndf": 4, "precision": "bf16"}
    training, testing = (pixlate.create_model("pix2pix", train=train, **options) for train in (True, False))
    testing.networks["G"].load_state_dict(training.networks["G"].state_dict())
    for _ in range(2):
        expected = training.translate(inputs)["fake_B"]
        assert torch.equal(testing.translate(inputs)["fake_B"], expected)
        with torch.no_grad():
            for model in (training, testing):
                next(model.networks["G"].parameters()).mul_(1.5)
        assert not torch.equal(testing.translate(inputs)["fake_B"], expected)
    assert {weight.dtype for weight in testing.networks["G"].parameters()} == {torch.float32}


@pytest.mark.parametrize("norm", [nn.utils.parametrizations.spectral_norm, nn.utils.spectral_norm])
def test_weights_that_are_computed_from_other_tensors_are_not_rounded(norm: Callable[[nn.Module], nn.Module]) -> None:
    module = nn.Sequential(norm(nn.Conv2d(1, 4, 3)), nn.Conv2d(4, 1, 1)).eval()
    net = Net(module, Execution(CPU, torch.bfloat16, train=False))
    x = torch.rand(1, 1, 8, 8)
    with torch.no_grad(), mode.set_inference_mode(mode.InferenceMode()):
        with torch.autocast("cpu", torch.bfloat16):
            expected = module(x).float()
        assert torch.equal(net(x), expected)
