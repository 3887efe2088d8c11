"""Every name that the documentation promises is registered, and can be imported."""

import dataclasses

import pytest
import torch

from pixlate import get_plugins
from pixlate.models.context import ModelContext

NAMES = {
    "model": {"pix2pix", "cycle_gan", "test"},
    "norm": {"batch", "instance", "syncbatch", "none"},
    "init": {"normal", "xavier", "kaiming", "orthogonal"},
    "lr_policy": {"linear", "step", "plateau", "cosine"},
    "dataset": {"aligned", "unaligned", "single"},
    "viewer": {"loss_log", "console", "reference_lines", "html_page", "visdom", "tensorboard", "wandb", "trackio"},
}


@pytest.mark.parametrize("kind", NAMES)
def test_names_of_a_kind(kind: str) -> None:
    components = list(get_plugins().registry(kind))
    assert {component.name for component in components} >= NAMES[kind]


def test_a_context_cannot_be_changed() -> None:
    context = ModelContext(torch.device("cpu"), train=False, components={})
    with pytest.raises(dataclasses.FrozenInstanceError):
        context.train = True  # type: ignore[misc]
