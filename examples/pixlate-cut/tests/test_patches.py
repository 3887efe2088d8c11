"""The patch loss and the network F."""

import math

import torch

from pixlate_cut_patches import NoProjection, PatchProjection, patch_loss, patches_at, unit


def test_the_loss_of_patches_that_are_all_alike_is_that_of_guessing() -> None:
    alike = unit(torch.ones(2, 8, 5))
    torch.testing.assert_close(patch_loss(alike, alike, 0.07), torch.tensor(math.log(8)))


def test_the_loss_follows_equation_2() -> None:
    torch.manual_seed(0)
    query, key = unit(torch.randn(2, 4, 3)), unit(torch.randn(2, 4, 3))
    losses = []
    for n in range(2):
        for s in range(4):
            similar = [math.exp(float(query[n, s] @ key[n, t]) / 0.5) for t in range(4)]
            losses.append(-math.log(similar[s] / sum(similar)))
    torch.testing.assert_close(patch_loss(query, key, 0.5), torch.tensor(losses).mean())


def test_patches_are_the_features_at_row_major_locations() -> None:
    features = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert torch.equal(patches_at(features, torch.tensor([5, 0]))[0], torch.tensor([[5.0, 17.0], [0.0, 12.0]]))


def test_a_patch_of_zeros_has_a_gradient() -> None:
    patch = torch.zeros(1, 1, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(unit(patch).sum(), patch)
    assert gradient.isfinite().all()


def test_a_projection_has_the_published_names() -> None:
    net = PatchProjection([3, 8], 5)
    assert {key: tuple(weight.shape) for key, weight in net.state_dict().items() if key.endswith("weight")} == {
        "mlp_0.0.weight": (5, 3),
        "mlp_0.2.weight": (5, 5),
        "mlp_1.0.weight": (5, 8),
        "mlp_1.2.weight": (5, 5),
    }
    projected = net(torch.rand(2, 4, 3), torch.rand(2, 4, 8))
    assert [tuple(layer.shape) for layer in projected] == [(2, 4, 5), (2, 4, 5)]


def test_no_projection_changes_nothing() -> None:
    patches = [torch.rand(1, 2, 3), torch.rand(1, 2, 4)]
    net = NoProjection([3, 4], 5)
    assert all(torch.equal(a, b) for a, b in zip(net(*patches), patches, strict=True))
    assert not net.state_dict()
