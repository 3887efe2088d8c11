"""What every model must do; `pixlate.plugins.testing.check_model` runs it all on tiny networks."""

import copy
import io
import math
import random
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixlate.models.base import BaseModel, StepResult
from pixlate.models.create import create_model
from pixlate.models.execution.device import choose_device
from pixlate.models.updater import Group
from pixlate.options.command.parser import build_parser
from pixlate.options.fields import checked, options_of
from pixlate.options.shared import DataOptions, ExperimentOptions, ModelOptions, TrainingOptions
from pixlate.plugins.manager import Plugins
from pixlate.util.randomness import reseed
from pixlate.util.sizes import SideRule

Batch = dict[str, Any]
MakeBatch = Callable[[int, int], Batch]
TINY: Mapping[str, Any] = {"ngf": 4, "ndf": 4}
SMALLEST = 32  # pixels
SWAPPED = {"A": "B", "B": "A", "A_paths": "B_paths", "B_paths": "A_paths"}


class ModelContract:
    """The promises of one model, a method each; AssertionError says which is broken.

    - options: the model's and shared ones, over its defaults and over `ngf=4, ndf=4`.
    - make_batch: makes a batch of so many images from a seed, for models that need more than "A" and "B".
    """

    def __init__(
        self,
        plugins: Plugins,
        name: str,
        device: str,
        make_batch: MakeBatch | None,
        options: Mapping[str, Any],
    ) -> None:
        self.plugins = plugins
        self.component = plugins.registry("model").get(name)
        self.name, self.device, self.options = self.component.name, device, {**TINY, **options}
        self.batch: MakeBatch = make_batch or self._noise

    def check(self) -> None:
        """Check every promise."""
        for promise in (
            self.explains_itself,
            self.learns,
            self.waits_for_the_end_of_a_group,
            self.continues_exactly,
            self.translates_without_a_trace,
            self.translates_when_built_for_testing,
            self.turns_round,
            self.computes_in_bfloat16,
        ):
            promise()

    def explains_itself(self) -> None:
        """It has a line for lists, its options have help, and its defaults are values of known options."""
        self.require(bool(self.component.help), "has no help: give register() a sentence")
        own = [self.component.config] if self.component.config else []
        owners = [*own, ModelOptions, DataOptions, TrainingOptions, ExperimentOptions]
        checked(owners, self.component.defaults, of=f"model '{self.name}'", plugins=self.plugins)
        parser = build_parser("train", self.plugins, [self.component])
        shown = parser.get_help(parser.make_context("train", [], resilient_parsing=True))
        for made in (made for owner in own for made in options_of(owner)):
            self.require(bool(made.help), f"has an option --{made.name} without help")
            self.require(bool(made.hidden) or f"--{made.name}" in shown, f"does not show --{made.name} in --help")

    def learns(self) -> None:
        """A step changes every trained network, and leaves losses and images under the same names each time."""
        model = self.make()
        first = self._step(model, 0, n=2)
        trained = {weight for optimizer in model.optimizers.values() for weight in _weights(optimizer)}
        for name, network in model.networks.items():
            wanting = [weight for weight in network.parameters() if weight.requires_grad]
            self.require(
                all(weight in trained for weight in wanting),
                f"has weights of '{name}' in no optimizer: freeze them, or call add_optimizer",
            )
        before = {name: copy.deepcopy(network) for name, network in model.networks.items()}
        second = self._step(model, 1, n=1)
        for name, network in model.networks.items():
            pairs = [(a, b) for a, b in zip(before[name].parameters(), network.parameters(), strict=True)]
            moved = any(not torch.equal(a, b) for a, b in pairs)
            self.require(moved or not any(b in trained for _, b in pairs), f"does not change '{name}' in a step")
        for count, result in ((2, first), (1, second)):
            self._check_result(result, count)
        self.require(list(first.losses) == list(second.losses), "names other losses in the second step")
        self.require(list(first.images) == list(second.images), "names other images in the second step")

    def waits_for_the_end_of_a_group(self) -> None:
        """Weights change through `update`, which gathers the gradients of `--accumulate` batches."""
        model = self._begun()
        before = copy.deepcopy(model.state_dict()["networks"])
        reseed(0, "step", 0, 0)
        model.training_step(self.batch(1, 0), group=Group(2, last=False))
        weights = {name: dict(network.named_parameters()) for name, network in model.networks.items()}
        same = all(torch.equal(before[name][key], w) for name, named in weights.items() for key, w in named.items())
        self.require(same, "changes weights in the middle of a group of batches: use self.update(name, loss)")

    def continues_exactly(self) -> None:
        """What `state_dict` gives, another instance takes back, and goes on bit for bit the same."""
        model = self.make()
        for number in range(3):
            self._step(model, number, n=1)
        model.end_epoch()
        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        file.seek(0)
        other = self.make(seed=int(self.options.get("seed", 0)) + 1)
        other.prepare_once(other.directed(self.batch(1, 0)))
        other.load_state_dict(torch.load(file, weights_only=True))
        self.require(same(model.state_dict(), other.state_dict()), "has a state that does not survive saving")
        results = [self._step(each, 3, n=2) for each in (model, other)]
        exact = same(results[0].losses, results[1].losses) and same(model.state_dict(), other.state_dict())
        self.require(exact, "goes on otherwise after loading its state: what else must extra_state() hold?")

    def translates_without_a_trace(self) -> None:
        """A translation keeps the size, depends on no neighbour, and changes no state, buffer or generator."""
        model = self._begun()
        batch = self.batch(2, 5)
        before = copy.deepcopy(_everything(model))
        images = model.translate(batch)
        self.require(same(before, _everything(model)), "changes its state or a random generator in translate")
        self.require(same(images, model.translate(batch)), "translates the same images differently a second time")
        size = batch["A"].shape[-2:]
        for name, image in images.items():
            self._check_image(name, image, 2)
            self.require(image.shape[-2:] == size, f"gives '{name}' of {tuple(image.shape[-2:])}, not {tuple(size)}")
        for i in range(2):
            alone = model.translate({name: part[i : i + 1] for name, part in batch.items()})
            near = all(torch.allclose(images[name][i : i + 1], alone[name], atol=1e-4) for name in images)
            self.require(near, "translates an image differently beside another: does a norm mix them at test?")
        inputs = {name: part for name, part in batch.items() if not name.startswith("B")}
        made = model.fake({**inputs, **({"A": batch["B"]} if model.shared.direction == "BtoA" else {})})
        wanted = (2, model.shared.output_nc, *size)
        self.require(tuple(made.shape) == wanted, f"makes {tuple(made.shape)} of the input alone, not {wanted}")

    def translates_when_built_for_testing(self) -> None:
        """Built with train=False it takes the trained networks' weights and translates alike."""
        model, testing = self._begun(), self.make(train=False)
        for name, network in testing.networks.items():
            self.require(name in model.networks, f"has '{name}' for testing only")
            network.load_state_dict(model.networks[name].state_dict())
        batch = self.batch(1, 6)
        self.require(same(model.translate(batch), testing.translate(batch)), "translates otherwise with train=False")

    def turns_round(self) -> None:
        """`--direction BtoA` is AtoB on swapped images."""
        if self._shared.input_nc != self._shared.output_nc:
            return
        there, back = self.make(direction="AtoB"), self.make(direction="BtoA")
        batch = self.batch(1, 7)
        swapped = {SWAPPED.get(name, name): part for name, part in batch.items()}
        self.require(same(there.translate(batch), back.translate(swapped)), "takes the wrong side with BtoA")

    def computes_in_bfloat16(self) -> None:
        """Under bfloat16 losses stay finite, and weights stay in float32."""
        model = self.make(precision="bf16")
        self._check_result(self._step(model, 0, n=1), 1)
        kinds = {weight.dtype for network in model.networks.values() for weight in network.parameters()}
        self.require(kinds <= {torch.float32}, "has weights that are not float32 with --precision bf16")

    # -----------------------------------------------------------------------------------------------------------

    def make(self, *, train: bool = True, **options: Any) -> BaseModel[Any]:
        """The model with the options under test, and these."""
        given = {**self.options, **options}
        return create_model(self.plugins, self.name, train=train, device=choose_device(self.device), **given)

    def require(self, holds: bool, sentence: str) -> None:
        """Raise AssertionError with the sentence unless it holds."""
        if not holds:
            raise AssertionError(f"model '{self.name}' {sentence}")

    @cached_property
    def _shared(self) -> ModelOptions:
        return self.make(train=False).shared

    @cached_property
    def _size(self) -> int:
        """The smallest side that all networks take."""
        return SideRule.of(self.make().networks.values()).at_least(SMALLEST)

    def _noise(self, n: int, seed: int) -> Batch:
        generator = torch.Generator().manual_seed(seed)
        channels = [self._shared.input_nc, self._shared.output_nc]
        batch: Batch = {}
        for side, count in zip("AB" if self._shared.direction == "AtoB" else "BA", channels, strict=True):
            batch[side] = torch.rand(n, count, self._size, self._size, generator=generator) * 2 - 1
            batch[f"{side}_paths"] = [f"{seed}_{i}.png" for i in range(n)]
        return batch

    def _begun(self) -> BaseModel[Any]:
        model = self.make()
        self._step(model, 0, n=1)
        return model

    def _step(self, model: BaseModel[Any], number: int, *, n: int) -> StepResult:
        reseed(0, "step", number, 0)
        return model.training_step(self.batch(n, number))

    def _check_result(self, result: StepResult, count: int) -> None:
        self.require(bool(result.losses), "names no losses in a step")
        for name, loss in result.losses.items():
            self.require(loss.numel() == 1, f"has a loss '{name}' of shape {tuple(loss.shape)}, not a number")
            self.require(math.isfinite(float(loss)), f"has a loss '{name}' of {float(loss)}")
        for name, image in result.images.items():
            self._check_image(name, image, count)

    def _check_image(self, name: str, image: Tensor, count: int) -> None:
        shape = tuple(image.shape)
        self.require(image.dim() == 4 and shape[0] == count, f"gives '{name}' of shape {shape}, not {count}×C×H×W")
        largest = float(image.abs().max())
        self.require(largest <= 1.001, f"gives '{name}' with values up to {largest:.3g}: images are in [-1, 1]")


def _weights(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _everything(model: BaseModel[Any]) -> Any:
    """What a translation must leave alone: the state, the modules' modes, and every global generator."""
    modes = [module.training for network in model.networks.values() for module in network.modules()]
    return model.state_dict(), modes, generators()


def generators() -> Any:
    """The states of all global random generators."""
    return torch.get_rng_state(), random.getstate(), np.random.get_state()


def same(a: Any, b: Any) -> bool:
    """Whether two nested values are equal, tensors bit for bit."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return bool(np.array_equal(a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
