"""Networks whose inputs and outputs are lists, tuples and dicts, or are not floating-point numbers."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import pixlate
from pixlate.models.execution.net import Net
from pixlate.models.execution.plan import Execution
from pixlate.models.gan_loss import LSGAN

CPU = torch.device("cpu")


class Pair(NamedTuple):
    mean: Tensor
    label: Tensor


class Outputs(nn.Module):
    """Returns whatever its function makes of its inputs."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function
        self.layer = nn.Linear(4, 4)

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        return self.function(self.layer, *inputs, **settings)


def net(function: Any, dtype: torch.dtype | None = torch.bfloat16) -> Net:
    return Net(Outputs(function), Execution(CPU, dtype))


def test_floating_tensors_at_any_depth_have_the_precision_of_the_input() -> None:
    labels = torch.tensor([3, 1])

    def outputs(layer: nn.Linear, x: Tensor) -> Any:
        return {"list": [layer(x), None], "tuple": (layer(x), (x, 7)), "named": Pair(layer(x), labels), "text": "a"}

    x = torch.rand(2, 4)
    result = net(outputs)(x)
    tensors = [result["list"][0], result["tuple"][0], result["tuple"][1][0], result["named"].mean]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    assert isinstance(result["named"], Pair)
    assert torch.equal(result["named"].label, labels)
    assert (result["list"][1], result["tuple"][1][1], result["text"]) == (None, 7, "a")


def test_an_embedding_of_labels_is_in_the_precision_of_the_weights() -> None:
    """The first input is of integers: its type says nothing about the output."""
    embedding = nn.Embedding(5, 4)
    for dtype in (torch.float32, torch.float64):
        wrapped = Net(embedding.to(dtype), Execution(CPU))
        assert wrapped(torch.tensor([1, 4])).dtype == dtype
    mixed = net(lambda layer, labels, x: layer(x) + labels[:, None])
    assert mixed(torch.tensor([1, 4]), torch.rand(2, 4, dtype=torch.float32)).dtype == torch.float32


def test_inputs_may_be_nested_and_named() -> None:
    def total(layer: nn.Linear, images: list[Tensor], condition: dict[str, Tensor]) -> Tensor:
        return layer(torch.stack(images).sum(0)) + condition["shift"]

    x = torch.rand(2, 4)
    for execution in (Execution(CPU), Execution(CPU, channels_last=True), Execution(CPU, checkpointed=True)):
        wrapped = Net(Outputs(total), execution)
        y = wrapped([x, x], condition={"shift": torch.ones(4)})
        torch.testing.assert_close(y, wrapped.module.layer(2 * x) + 1)


def test_each_splits_whatever_a_network_returns() -> None:
    a, b = torch.rand(1, 4), torch.rand(2, 4)
    calls: list[int] = []

    def features(layer: nn.Linear, x: Tensor) -> Any:
        calls.append(len(x))
        return [layer(x), {"again": (x, layer(x) + 1)}]

    for_a, for_b = net(features, None).each(a, b)
    assert calls == [3]
    assert [len(for_a[0]), len(for_b[0])] == [1, 2]
    assert torch.equal(for_a[1]["again"][0], a)
    assert torch.equal(for_b[1]["again"][0], b)


@pytest.mark.parametrize("output", [lambda layer, x: (layer(x), x.mean()), lambda layer, x: [layer(x), x.T]])
def test_each_calls_separately_what_cannot_be_split(output: Any) -> None:
    a, b = torch.rand(1, 4), torch.rand(2, 4)
    wrapped = net(output, None)
    for x, result in zip((a, b), wrapped.each(a, b), strict=True):
        for part, expected in zip(result, wrapped(x), strict=True):
            torch.testing.assert_close(part, expected)


class TestMultiscale:
    """The discriminator of pix2pixHD, whose output is a list."""

    def test_each_scale_is_a_patchgan_of_the_averaged_image(self) -> None:
        D = pixlate.create_discriminator("multiscale", input_nc=3, ndf=2, n_layers=2)
        x = torch.rand(1, 3, 64, 64)
        logits = D(x)
        assert [tuple(scale.shape[2:]) for scale in logits] == [(14, 14), (6, 6), (2, 2)]
        half = nn.functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        torch.testing.assert_close(logits[1], D.scales[1](half))  # type: ignore[index,operator]

    def test_its_smallest_image_gives_a_logit_on_the_coarsest_scale(self) -> None:
        D = pixlate.create_discriminator("multiscale", input_nc=1, ndf=2, n_layers=1)
        side = int(D.minimum_size)  # type: ignore[arg-type]
        assert D(torch.rand(2, 1, side, side))[-1].shape[2:] == (1, 1)
        with pytest.raises((RuntimeError, ValueError)):
            D(torch.rand(2, 1, side // 2, side // 2))

    @pytest.mark.parametrize("name", ["pix2pix", "cycle_gan"])
    @pytest.mark.parametrize("gan_mode", ["lsgan", "vanilla", "hinge", "wgangp"])
    def test_built_in_models_train_with_it(self, name: str, gan_mode: str) -> None:
        options: dict[str, Any] = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2, "norm": "instance", "n_layers_D": 1}
        model = pixlate.create_model(name, netD="multiscale", num_D=2, gan_mode=gan_mode, **options)
        D = model.networks["D" if name == "pix2pix" else "D_A"]
        assert len(D.scales) == 2  # type: ignore[arg-type]
        before = [weight.clone() for weight in D.parameters()]
        batch = {side: torch.rand(1, 3, 32, 32) * 2 - 1 for side in "AB"}
        result = model.training_step(batch)
        assert all(torch.isfinite(loss) for loss in result.losses.values())
        changed = [not torch.equal(a, b) for a, b in zip(before, D.parameters(), strict=True)]
        assert sum(changed) >= len(changed) / 2

    def test_the_loss_is_the_mean_over_the_scales(self) -> None:
        logits = [torch.full((1, 1, 4, 4), 0.5), torch.full((1, 1, 2, 2), 2.0)]
        assert float(LSGAN().real(logits)) == pytest.approx((0.25 + 1) / 2)
