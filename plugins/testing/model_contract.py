"""The contract of a model, which `pixlate.plugins.testing.check_model` checks on tiny networks."""

import copy
import io
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pixlate.models.base import BaseModel
from pixlate.models.batch import StepResult, swapped
from pixlate.models.create import create_model
from pixlate.models.execution.device import choose_device
from pixlate.models.updater import Group
from pixlate.options.command.parser import build_parser
from pixlate.options.fields import checked, options_of
from pixlate.options.shared import OWNERS, ModelOptions
from pixlate.plugins.field import Field
from pixlate.plugins.manager import Plugins
from pixlate.plugins.run import Progress
from pixlate.util.randomness import reseed
from pixlate.util.sizes import SideRule

from .comparison import identical, random_states
from .random_batches import random_batch

Batch = dict[str, Any]
MakeBatch = Callable[[int, int], Batch]
TINY: Mapping[str, Any] = {"ngf": 4, "ndf": 4}  # options that keep the networks small
MIN_SIDE = 32  # of the test images, in pixels


class ModelContract:
    """The contract of one model: a method per requirement, which raises AssertionError if it is not met.

    - options: the model's own and shared options, over its defaults and over `ngf=4, ndf=4`.
    - make_batch: `make_batch(n, seed)` returns a batch of n images, for models that need more than "A" and "B".
    - fields: of the data, which random batches have.
    """

    def __init__(
        self,
        plugins: Plugins,
        name: str,
        device: str,
        make_batch: MakeBatch | None,
        fields: Mapping[str, Field] | None,
        options: Mapping[str, Any],
    ) -> None:
        self.fields = fields
        self.plugins = plugins
        self.component = plugins.registry("model").get(name)
        self.name, self.device, self.options = self.component.name, device, {**TINY, **options}
        self.batch: MakeBatch = make_batch or self._random_batch

    def check(self) -> None:
        """Check every requirement."""
        self.check_options()
        self.check_training_step()
        self.check_accumulation()
        self.check_resume()
        self.check_translation()
        self.check_inference_model()
        self.check_direction()
        self.check_bfloat16()

    def check_options(self) -> None:
        """The model and its options have help, and its defaults are valid values of known options."""
        self.require(bool(self.component.help), "has no help: give register() a sentence")
        configs = [self.component.config] if self.component.config else []
        owners = [*configs, ModelOptions, *OWNERS["train"]]
        checked(owners, self.component.defaults, of=f"model '{self.name}'", plugins=self.plugins)
        parser = build_parser("train", self.plugins, [self.component])
        help_text = parser.get_help(parser.make_context("train", [], resilient_parsing=True))
        for option in (option for owner in configs for option in options_of(owner)):
            self.require(bool(option.help), f"has an option --{option.name} without help")
            in_help = bool(option.hidden) or f"--{option.name}" in help_text
            self.require(in_help, f"does not show --{option.name} in --help")

    def check_training_step(self) -> None:
        """Steps change every trained network, and return losses and images under the same names each time."""
        model = self.make()
        updated = _recorded_updates(model)
        first = self._step(model, 0, n=2)
        self._check_result(first, 2)  # before the weights: with a loss that is not finite they do not move
        trained = {weight for optimizer in model.optimizers.values() for weight in _weights(optimizer)}
        for name, network in model.networks.items():
            weights = [weight for weight in network.parameters() if weight.requires_grad]
            self.require(
                all(weight in trained for weight in weights),
                f"has weights of '{name}' in no optimizer: freeze them, or call add_optimizer",
            )
        # Not copies of the networks: a hook of theirs may hold tensors that cannot be copied.
        before = {name: _copies(network) for name, network in model.networks.items()}
        for number in range(1, 1 + max(model.updates_every.values(), default=1)):
            result = self._step(model, number, n=1)
            self._check_result(result, 1)
            self.require(list(first.losses) == list(result.losses), "returns losses of other names in a later step")
            self.require(list(first.images) == list(result.images), "returns images of other names in a later step")
        self.require(bool(updated), "never calls self.update(name, loss), so that nothing is trained")
        idle = model.optimizers.keys() - updated
        self.require(not idle, f"never updates the optimizer {', '.join(map(repr, sorted(idle)))}")
        for name, network in model.networks.items():
            pairs = list(zip(before[name], network.parameters(), strict=True))
            changed = any(not torch.equal(a, b) for a, b in pairs)
            self.require(changed or not any(b in trained for _, b in pairs), f"does not change '{name}' in a step")

    def check_accumulation(self) -> None:
        """Weights change through `update` only, which accumulates the gradients of `--accumulate` batches."""
        model = self._trained()
        before = copy.deepcopy(model.state_dict()["networks"])
        # So that every optimizer is due in the step that follows.
        model.start_step(Progress(step=math.lcm(*model.updates_every.values()) - 1))
        reseed(0, "step", 0, 0)
        model.training_step(self.batch(1, 0), group=Group(2, last=False))
        weights = {name: dict(network.named_parameters()) for name, network in model.networks.items()}
        same = all(torch.equal(before[name][key], w) for name, named in weights.items() for key, w in named.items())
        self.require(same, "changes weights before the last accumulated batch: use self.update(name, loss)")

    def check_resume(self) -> None:
        """Another instance that loads its state continues exactly as it does, bit for bit."""
        model = self.make()
        for number in range(3):
            self._step(model, number, n=1)
        model.end_epoch()
        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        file.seek(0)
        other = self.make(seed=int(self.options.get("seed", 0)) + 1)  # with other initial weights, all to be replaced
        other.prepare_once(other.directed(self.batch(1, 0)))
        other.load_state_dict(torch.load(file, weights_only=True))
        self.require(identical(model.state_dict(), other.state_dict()), "has another state after saving and loading it")
        results = [self._step(each, 3, n=2) for each in (model, other)]
        exact = identical(results[0].losses, results[1].losses) and identical(model.state_dict(), other.state_dict())
        self.require(exact, "continues differently after loading its state: return what is missing in extra_state()")

    def check_translation(self) -> None:
        """A translation has the size that `output_scale` says, depends on its sample alone, and changes nothing."""
        model = self._trained()
        batch = self.batch(2, 5)
        before = copy.deepcopy(_all_state(model))
        images = model.translate(batch)
        self.require(identical(before, _all_state(model)), "changes its state or a random generator in translate")
        self.require(identical(images, model.translate(batch)), "translates the same images differently a second time")
        size = tuple(int(side * model.output_scale) for side in self._input_of(model, batch).shape[-2:])
        for name, image in images.items():
            self._check_image(name, image, 2)
            if name.startswith("fake"):
                found = tuple(image.shape[-2:])
                self.require(found == size, f"returns '{name}' of {found}, not {size}; see output_scale")
        for i in range(2):
            alone = model.translate({name: _sample(values, i) for name, values in batch.items()})
            # Not bit for bit: convolutions of one image and of a batch add in another order.
            close = all(torch.allclose(images[name][i : i + 1], alone[name], atol=1e-4) for name in images)
            self.require(close, "translates an image differently in a batch: a norm may use the batch's statistics")
        inputs = {name: value for name, value in batch.items() if name not in ("B", "B_paths")}
        output = model.fake({**inputs, "A": self._input_of(model, batch)})
        first = next((image for name, image in images.items() if name.startswith("fake")), None)
        channels = model.shared.output_nc if first is None else first.shape[1]
        shape = (2, channels, *size)
        self.require(
            tuple(output.shape) == shape, f"returns {tuple(output.shape)} for a batch without 'B', not {shape}"
        )

    def check_inference_model(self) -> None:
        """Built with train=False and the trained weights, it translates identically."""
        model, inference_model = self._trained(), self.make(train=False)
        if inference_model.is_prepared_by_data:
            inference_model.prepare_once(inference_model.directed(self.batch(1, 0)))
        trained = {**model.networks, **model.averages}  # the averages are what a test uses
        for name, network in inference_model.networks.items():
            self.require(name in trained, f"has a network '{name}' with train=False only")
            network.load_state_dict(trained[name].state_dict())
        batch = self.batch(1, 6)
        same = identical(model.translate(batch), inference_model.translate(batch))
        self.require(same, "translates differently with train=False")

    def check_direction(self) -> None:
        """`--direction BtoA` is AtoB with A and B swapped."""
        if self._shared.input_nc != self._shared.output_nc:
            return
        forward, backward = self.make(direction="AtoB"), self.make(direction="BtoA")
        batch = self.batch(1, 7)
        exchanged = swapped(batch)
        for model in (forward, backward):
            if model.is_prepared_by_data:
                model.prepare_once(model.directed(batch if model is forward else exchanged))
        same = identical(forward.translate(batch), backward.translate(exchanged))
        self.require(same, "swaps A and B itself with BtoA: the batch is already swapped")

    def check_bfloat16(self) -> None:
        """With `--precision bf16` losses are finite and weights stay in float32."""
        model = self.make(precision="bf16")
        self._check_result(self._step(model, 0, n=1), 1)
        dtypes = {weight.dtype for network in model.networks.values() for weight in network.parameters()}
        self.require(dtypes <= {torch.float32}, "has weights that are not float32 with --precision bf16")

    # -----------------------------------------------------------------------------------------------------------

    def make(self, *, train: bool = True, **options: Any) -> BaseModel[Any]:
        """Create the model with the options of the test, and further ones."""
        device = choose_device(self.device)
        options = {**self.options, **options}
        return create_model(self.plugins, self.name, train=train, device=device, fields=self.fields, **options)

    def require(self, condition: bool, problem: str) -> None:
        """Raise AssertionError with the problem unless the condition is true."""
        if not condition:
            raise AssertionError(f"model '{self.name}' {problem}")

    @cached_property
    def _shared(self) -> ModelOptions:
        return self.make(train=False).shared

    @cached_property
    def _output_scale(self) -> int | Fraction:
        return self.make(train=False).output_scale

    @cached_property
    def _size(self) -> int:
        """The smallest allowed side that is not below MIN_SIDE."""
        return SideRule.of(self.make().networks.values()).at_least(MIN_SIDE)

    def _random_batch(self, n: int, seed: int) -> Batch:
        shared = self._shared
        fields = self.fields
        if fields is None:
            sides = "AB" if shared.direction == "AtoB" else "BA"
            A, B = Field(channels=shared.input_nc), Field(channels=shared.output_nc, scale=self._output_scale)
            fields = dict(zip(sides, (A, B), strict=True))
        return random_batch(fields, n, self._size, seed)

    @staticmethod
    def _input_of(model: BaseModel[Any], batch: Batch) -> Tensor:
        """The images that a model translates: "B" with `--direction BtoA`."""
        image: Tensor = batch["B" if model.shared.direction == "BtoA" and "B" in batch else "A"]
        return image

    def _trained(self) -> BaseModel[Any]:
        model = self.make()
        self._step(model, 0, n=1)
        return model

    def _step(self, model: BaseModel[Any], number: int, *, n: int) -> StepResult:
        reseed(0, "step", number, 0)
        return model.training_step(self.batch(n, number))

    def _check_result(self, result: StepResult, count: int) -> None:
        self.require(bool(result.losses), "returns no losses in a step")
        for name, loss in result.losses.items():
            self.require(loss.numel() == 1, f"returns a loss '{name}' of shape {tuple(loss.shape)}, not a scalar")
            self.require(math.isfinite(float(loss)), f"returns a loss '{name}' of {float(loss)}")
        for name, image in result.images.items():
            self._check_image(name, image, count)

    def _check_image(self, name: str, image: Tensor, count: int) -> None:
        shape = tuple(image.shape)
        self.require(image.dim() == 4 and shape[0] == count, f"returns '{name}' of shape {shape}, not {count}×C×H×W")
        largest = float(image.abs().max())
        self.require(largest <= 1.001, f"returns '{name}' with values up to {largest:.3g}: images are in [-1, 1]")


def _weights(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _copies(network: torch.nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in network.parameters()]


def _sample(values: Any, index: int) -> Any:
    """One sample of a field of a batch; what has no samples stays as it is."""
    return values[index : index + 1] if isinstance(values, Tensor | list | tuple) else values


def _recorded_updates(model: BaseModel[Any]) -> set[str]:
    """The names of the optimizers that a model updates from now on."""
    update = model.update
    updated: set[str] = set()

    def recording(names: str | Sequence[str], loss: Tensor) -> None:
        updated.update([names] if isinstance(names, str) else names)
        update(names, loss)

    model.update = recording  # type: ignore[method-assign]
    return updated


def _all_state(model: BaseModel[Any]) -> Any:
    """Everything that a translation must not change: state, modes of modules, global random generators."""
    modes = [module.training for network in model.networks.values() for module in network.modules()]
    return model.state_dict(), modes, random_states()
