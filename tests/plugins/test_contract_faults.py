"""The contracts notice what is broken: a small model and a small data set, with one fault each."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from pixlate.plugins.testing import check_dataset, check_model

Install = Callable[..., Path]

GOOD = {
    "config": 'weight: float = option(1.0, "weight of the loss")',
    "help": "a model",
    "defaults": "{'norm': 'instance'}",
    "init": "pass",
    "network": "return nn.Sequential(nn.Conv2d(i, ngf, 1), norm(ngf), nn.Conv2d(ngf, o, 1), nn.Tanh())",
    "step": "loss = self.config.weight * l1_loss(fake, batch['B'])",
    "update": "self.update('G', loss)",
    "result": "return StepResult({'G_L1': loss}, {'real_A': batch['A'], 'fake_B': fake})",
    "translation": "return {'real_A': batch['A'], 'fake_B': self.G(batch['A'])}",
    "more": "",
}
SOURCE = """
from dataclasses import dataclass
import torch
from torch import nn
from torch.nn.functional import l1_loss
from pixlate.models import BaseModel, StepResult
from pixlate.plugins import hookimpl, option

@dataclass(frozen=True)
class Config:
    {config}

class Mine(BaseModel[Config]):
    watched_losses = ("G_L1",)

    def __init__(self, config, shared, context):
        super().__init__(config, shared, context)
        self.G = self.generator("G", shared.input_nc, shared.output_nc)
        {init}
        self.steps = 0
        if self.train:
            self.add_optimizer("G", self.G)

    def step(self, batch):
        self.steps += 1
        fake = self.G(batch["A"])
        {step}
        {update}
        {result}

    def translation(self, batch):
        {translation}

    {more}

def network(input_nc, output_nc, ngf, norm, use_dropout):
    i, o = input_nc, output_nc
    {network}

@hookimpl
def register_models(register):
    register("mine", Mine, config=Config, help="{help}", defaults={{"netG": "mine", **{defaults}}})

@hookimpl
def register_networks(register):
    register("mine", network, role="generator", help="small")
"""
FAULTS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "no help": ({"help": ""}, "has no help"),
    "default out of its range": ({"defaults": "{'lr': -1.0}"}, "option 'lr' of model 'mine'"),
    "no losses": ({"result": "return StepResult({}, {})", "more": "watched_losses = ()"}, "returns no losses"),
    "infinite loss": ({"result": "return StepResult({'G_L1': loss / 0}, {})"}, "returns a loss 'G_L1' of inf"),
    "loss is no number": (
        {"result": "return StepResult({'G_L1': fake}, {})", "more": "watched_losses = ()"},
        "of shape",
    ),
    "watched loss": ({"more": "watched_losses = ('G_L2',)"}, "G_L2"),
    "names change": (
        {"result": "return StepResult({'G_L1': loss, f'G_{self.steps}': loss}, {})"},
        "returns losses of other names in a later step",
    ),
    "images change": (
        {"result": "return StepResult({'G_L1': loss}, {f'fake_{self.steps}': fake})"},
        "returns images of other names in a later step",
    ),
    "no learning": ({"update": "pass"}, "never calls self.update(name, loss), so that nothing is trained"),
    "an idle optimizer": (
        {"init": "self.E = self.add_network('E', lambda: nn.Linear(1, 1)); self.add_optimizer('E', self.E)"},
        "never updates the optimizer 'E'",
    ),
    "no gradient": ({"step": "loss = l1_loss(fake * 0 + batch['A'], batch['B'])"}, "does not change 'G' in a step"),
    "a loss that is not a number": (
        {"step": "loss = l1_loss(fake, batch['B']) * float('nan')"},
        "returns a loss 'G_L1' of nan",
    ),
    "weights in no optimizer": (
        {"init": "self.add_network('E', lambda: nn.Linear(1, 1))"},
        "has weights of 'E' in no optimizer",
    ),
    "steps by itself": (
        {"update": "self.update('G', loss); self.G.module[0].weight.data *= 1.01"},
        "changes weights before the last accumulated batch",
    ),
    "forgets": (
        {"step": "loss = (0.5 + 1 / self.steps) * l1_loss(fake, batch['B'])"},
        "continues differently after loading its state",
    ),
    "unsafe state": ({"more": "def extra_state(self): return {'x': object()}"}, "object"),
    "images out of range": (
        {
            "network": "return nn.Sequential(nn.Conv2d(i, o, 1), nn.Hardtanh(-9, 9), Scale())",
            "more": "pass\n\nclass Scale(nn.Module):\n    def forward(self, x): return x * 1e3",
        },
        "images are in [-1, 1]",
    ),
    "another size": (
        {"translation": "return {'fake_B': self.G(batch['A'])[..., ::2, ::2]}"},
        "returns 'fake_B' of (16, 16), not (32, 32)",
    ),
    "another scale than it says": (
        {"more": "output_scale = 2", "step": "loss = l1_loss(fake, batch['B'][..., ::2, ::2])"},
        "returns 'fake_B' of (32, 32), not (64, 64); see output_scale",
    ),
    "draws": (
        {"translation": "torch.rand(1); return {'fake_B': self.G(batch['A'])}"},
        "changes its state or a random generator",
    ),
    "counts in translate": (
        {"translation": "self.G.module[0].weight.data *= 1.01; return {'fake_B': self.G(batch['A'])}"},
        "changes its state or a random generator",
    ),
    "mixes images": (
        {"network": "return nn.Sequential(nn.Conv2d(i, o, 1), nn.BatchNorm2d(o, 1e-5, 0.1, True, False), nn.Tanh())"},
        "translates an image differently in a batch",
    ),
    "needs B": (
        {"translation": "return {'fake_B': self.G(batch['B'])}"},
        "KeyError",
    ),
    "other networks for testing": (
        {"translation": "return {'fake_B': self.G(batch['A']) * (1 if self.train else 0.5)}"},
        "translates differently with train=False",
    ),
    "turns by itself": (
        {
            "translation": """side = 'B' if self.shared.direction == 'BtoA' and 'B' in batch else 'A'
        return {'fake_B': self.G(batch[side])}"""
        },
        "swaps A and B itself with BtoA",
    ),
    "half weights": (
        {"init": "self.G.module.to(torch.bfloat16) if self.shared.precision == 'bf16' else None"},
        "has weights that are not float32",
    ),
}


CONDITIONAL = """pass

class Conditional(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.layer, self.embedding = nn.Conv2d(i, o, 1), nn.Embedding(4, o)

    def forward(self, x, label=torch.zeros(1, dtype=torch.int64)):
        return torch.tanh(self.layer(x) + self.embedding(label)[:, :, None, None])
"""


def make_conditional(n: int, seed: int) -> dict[str, Any]:
    """A batch with a label for each image."""
    generator = torch.Generator().manual_seed(seed)
    images = {side: torch.rand(n, 3, 32, 32, generator=generator) * 2 - 1 for side in "AB"}
    paths = {f"{side}_paths": [f"{seed}_{i}.png" for i in range(n)] for side in "AB"}
    return {**images, **paths, "class": torch.randint(4, (n,), generator=generator)}


def source(**parts: str) -> str:
    return SOURCE.format(**{**GOOD, **parts})


#: What a model may do, and how the contract is checked then.
ALLOWED: Mapping[str, tuple[Mapping[str, str], Mapping[str, Any]]] = {
    "nothing more": ({}, {}),
    "averages": ({"init": "self.average(self.G)"}, {"ema": True}),
    "an update every third step": ({"more": "updates_every = {'G': 3}"}, {}),
    "two updates in a step": (
        {"update": "self.update('G', loss); self.update('G', l1_loss(self.G(batch['A']), fake.detach() * 0))"},
        {},
    ),
    "another scale": (
        {
            "more": "output_scale = 2",
            "network": "return nn.Sequential(nn.Conv2d(i, 4 * o, 1), norm(4 * o), nn.PixelShuffle(2), nn.Tanh())",
        },
        {},
    ),
    "a frozen helper": (
        {
            "init": "self.H = self.add_network('H', lambda: nn.Conv2d(3, 2, 3), trained=False)",
            "step": "loss = l1_loss(self.H(fake), self.H(batch['B']))",
        },
        {},
    ),
    "a hook that holds a tensor": (
        {"init": "self.G.module[0].register_forward_hook(lambda m, i, o: setattr(m, 'seen', o))"},
        {},
    ),
    "noise": (
        {
            "translation": "x = batch['A']; return {'fake_B': self.G(0.5 * x + 0.1 * self.noise(batch, *x.shape[1:]))}",
        },
        {},
    ),
    "a condition": (
        {
            "network": "return Conditional(i, o)",
            "step": "fake = self.G(batch['A'], batch['class']); loss = l1_loss(fake, batch['B'])",
            "translation": "return {'real_A': batch['A'], 'fake_B': self.G(batch['A'], batch['class'])}",
            "more": CONDITIONAL,
        },
        {"make_batch": make_conditional},
    ),
    "a network that depends on the data at test": (
        {
            "more": """def prepare(self, batch):
        self.bias = self.add_network('E', lambda: nn.Conv2d(batch['A'].shape[1], 3, 1))
        if self.train:
            self.add_optimizer('E', self.bias)""",
            "step": "fake = (fake + self.bias(batch['A'])) / 2; loss = l1_loss(fake, batch['B'])",
            "update": "self.update(('G', 'E'), loss)",
            "result": "return StepResult({'G_L1': loss}, {'real_A': batch['A']})",
            "translation": "return {'fake_B': ((self.G(batch['A']) + self.bias(batch['A'])) / 2).tanh()}",
        },
        {},
    ),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_a_model_without_a_fault(what: str, installed_plugin: Install) -> None:
    parts, options = ALLOWED[what]
    installed_plugin(source(**parts))
    check_model("mine", **options)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_model(fault: str, installed_plugin: Install) -> None:
    parts, sentence = FAULTS[fault]
    installed_plugin(source(**parts))
    with pytest.raises(Exception) as raised:  # noqa: PT011 (of several kinds)
        check_model("mine")
    assert sentence in str(raised.value) or type(raised.value).__name__ == sentence


ITEM = """
import random
import torch
from pixlate.data import BaseDataset
from pixlate.plugins import hookimpl

class Mine(BaseDataset[None]):
    def __init__(self, config, shared):
        super().__init__(config, shared)
        self.calls = 0

    def __len__(self):
        return {length}

    def files(self):
        return {files}

    def sample(self, index, rng):
        self.calls += 1
        value = {value}
        return {{"A": {image}, {paths}}}

    {more}

@hookimpl
def register_datasets(register):
    register("mine", Mine, help="{help}")
"""
COPIED = """copied = False
    def __getstate__(self): return {**self.__dict__, "copied": True}"""
FINE = {
    "length": "3",
    "files": "()",
    "value": "rng.random()",
    "image": "torch.full((3, 4, 4), value)",
    "paths": "'A_paths': str(index)",
    "more": "",
    "help": "images of one colour",
}
ITEM_FAULTS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "no help": ({"help": ""}, "has no help"),
    "empty": ({"length": "0"}, "is empty"),
    "global generator": ({"value": "random.random() * 0"}, "draws from a global generator"),
    "global torch": ({"value": "float(torch.rand(()))"}, "draws from a global generator"),
    "remembers": ({"value": "self.calls / 100"}, "returns another item for index 0 the second time"),
    "no name": ({"paths": ""}, "without a 'A_paths' name"),
    "of bytes": ({"image": "torch.zeros(3, 4, 4, dtype=torch.uint8)"}, "no C×H×W tensor of float32"),
    "of one plane": ({"image": "torch.zeros(4, 4)"}, "no C×H×W tensor of float32"),
    "out of range": ({"image": "torch.full((3, 4, 4), 255.0)"}, "values outside [-1, 1]"),
    "absent files": ({"files": "[__import__('pathlib').Path('/nowhere/x.png')]"}, "lists files that do not exist"),
    "not to be copied": ({"more": "def __reduce__(self): raise TypeError('a lock')"}, "a lock"),
    "other copies": ({"value": "float(self.copied)", "more": COPIED}, "other items when it is pickled"),
}


def test_a_data_set_without_a_fault(installed_plugin: Install, tmp_path: Path) -> None:
    installed_plugin(ITEM.format(**FINE))
    check_dataset("mine", tmp_path)


@pytest.mark.parametrize("fault", ITEM_FAULTS)
def test_a_fault_of_a_data_set(fault: str, installed_plugin: Install, tmp_path: Path) -> None:
    parts, sentence = ITEM_FAULTS[fault]
    installed_plugin(ITEM.format(**{**FINE, **parts}))
    with pytest.raises((AssertionError, TypeError)) as raised:
        check_dataset("mine", tmp_path)
    assert sentence in str(raised.value)
