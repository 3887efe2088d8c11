"""The base class of all models: what a subclass provides, what it can use, and what a run calls.

A subclass builds its networks and optimizers in `__init__`, updates them by one batch in `step`, and returns in
`translation` the images that a test shows:

    class L1Only(BaseModel[None]):
        def __init__(self, config, shared, context):
            super().__init__(config, shared, context)
            self.G = self.generator("G", shared.input_nc, shared.output_nc)
            if self.train:
                self.add_optimizer("G", self.G)

        def step(self, batch):
            fake_B = self.G(batch["A"])
            loss = l1_loss(fake_B, batch["B"])
            self.update("G", loss)
            return StepResult({"G_L1": loss}, {"real_A": batch["A"], "fake_B": fake_B, "real_B": batch["B"]})

        def translation(self, batch):
            return {"real_A": batch["A"], "fake_B": self.G(batch["A"])}

Device, precision, accumulation, learning rate, weight averaging, saved state and behaviour at test time are handled
here. A model never prints, touches paths or displays anything.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal, cast

import torch
from torch import Tensor

from pixlate.models.networks.mode import InferenceMode, set_inference_mode
from pixlate.options.shared import ModelOptions
from pixlate.plugins.run import Progress

from .batch import Batch, StepResult, generators, swapped, to_device
from .builder import Config, ModelBuilder
from .context import ModelContext
from .gradient_shares import GradientShares
from .lr_policies import LearningRate, schedule_of
from .optimizers import load_optimizer
from .updater import Group, Updater


class BaseModel(ModelBuilder[Config], ABC):
    """An image-translation method: its networks, its losses and the order of its updates.

    Inherited from `ModelBuilder` for `__init__`: `generator`, `discriminator`, `network`, `add_network`,
    `add_optimizer`, `average`, `norm` and `gan_loss`, for `step`: `penalty`, and for both `step` and `translation`:
    `noise`.
    """

    #: The names, in a StepResult, of the losses whose sum the learning-rate policy "plateau" monitors.
    watched_losses: tuple[str, ...] = ()
    #: Optimizers that are updated every n-th step only, by name: {"G": 5}. A loss given to `update` in another step
    #: has no effect.
    updates_every: Mapping[str, int] = MappingProxyType({})
    #: Pixels of the output per pixel of the input: 2 for super-resolution by 2.
    output_scale: int | Fraction = 1

    def __init__(self, config: Config, shared: ModelOptions, context: ModelContext) -> None:
        super().__init__(config, shared, context)
        self.updater = Updater(self.device, scaled=self.execution.dtype is torch.float16, clip_grad=shared.clip_grad)
        # A model built for inference has no learning rate: a run whose policy came from a plugin that is no longer
        # installed can still be tested.
        if self.train:
            self.learning_rate = LearningRate(
                context.load("lr_policy"), schedule_of(shared), self.watched_losses, self.device
            )
        # Steps of the run so far; accumulated batches count as one.
        self.gradient_shares = GradientShares()
        self._steps = 0
        self._updated: set[str] = set()  # the optimizers that were updated in this step
        self._prepared = False

    def __repr__(self) -> str:
        sizes = {name: sum(weights.numel() for weights in net.parameters()) for name, net in self.networks.items()}
        counts = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        return f"<{type(self).__name__}: {counts} parameters, on {self.device}>"

    # --- what a subclass provides ------------------------------------------------------------------------------

    @abstractmethod
    def step(self, batch: Batch) -> StepResult:
        """Update the networks by one batch: "A" is the input, "B" the target domain, both on the model's device."""

    @abstractmethod
    def translation(self, batch: Batch) -> dict[str, Tensor]:
        """The images that a test shows for a batch, in order: real_A, fake_B, …; the batch may lack "B"."""

    def output(self, batch: Batch) -> Tensor:
        """The translated "A" alone, N×C×H×W: by default the first image of `translation` named `fake…`.

        A subclass may override it to compute less.
        """
        # Without "B", a model of two directions translates in one only.
        images = self.translation({name: value for name, value in batch.items() if name not in ("B", "B_paths")})
        return next(image for name, image in images.items() if name.startswith("fake"))

    def prepare(self, batch: Batch) -> None:
        """Build the parts whose shape comes from data; called once, with the first batch, before the first step.

        In a test and in `pixlate.load` it is called before weights are loaded, where the batch may lack "B".
        """

    def extra_generator_losses(self, batch: Batch, images: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Further terms of the generators' objective, weighted, by name; they are logged too.

        pix2pix and CycleGAN call it in every step with their batch and images, so that a subclass can add a term, such
        as a perceptual loss, without copying the step.
        """
        return {}

    def after_update(self, name: str) -> None:
        """Called after each update of an optimizer, so not between accumulated batches: for averages of a model's own.

        That an update was skipped because of non-finite gradients is not known here.
        """

    def extra_state(self) -> dict[str, Any]:
        """State beside networks and optimizers: tensors, numbers, strings, lists and dicts."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what `extra_state` returned."""

    def objective(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The sum of the terms of an objective, by name; now and then their shares in its gradient are measured."""
        # Compiled code frees what a second backward pass needs.
        if self.gradient_shares.is_due and not self.execution.compiled:
            scaled = {name: self.updater.scaler.scale(term) for name, term in terms.items()}
            self.gradient_shares.measure(self.optimizers.values(), scaled)
        return cast(Tensor, sum(terms.values()))

    def update(self, names: str | Sequence[str], loss: Tensor) -> None:
        """Backpropagate a loss and update the weights of one optimizer, or of several that share the loss."""
        names = [names] if isinstance(names, str) else names
        if not all(self.is_due(name) for name in names):
            return
        self.updater.update([self.optimizers[name] for name in names], loss)
        if self.updater.group.last:
            self._updated.update(names)
            for name in names:
                self.after_update(name)

    def is_due(self, name: str) -> bool:
        """Whether an optimizer is updated in this step, see `updates_every`."""
        return (self._steps + 1) % self.updates_every.get(name, 1) == 0

    # --- what a run calls --------------------------------------------------------------------------------------

    def training_step(self, batch: Batch, *, group: Group | None = None) -> StepResult:
        """Update the networks by one batch; returns its losses and images, detached.

        `group` is the batch's position among those whose gradients are accumulated; by default each batch is a group
        of its own.
        """
        batch = self.directed(batch)
        self.prepare_once(batch)
        self.updater.group = group or Group()
        result = self.step(batch).detach()
        self.updater.step_ended()
        self.gradient_shares.step_ended()
        if self.updater.group.last:  # the weights change only with the last batch of a group
            self._update_averages()
            self._steps += 1
        self.learning_rate.observe(result.losses)
        return result

    def _update_averages(self) -> None:
        """Average the networks that were updated in this step."""
        idle = {id(net) for name, nets in self._optimized.items() if name not in self._updated for net in nets}
        updated = {id(net) for name in self._updated for net in self._optimized[name]}
        for name in self._averaged:
            if id(self.nets[name]) in updated or id(self.nets[name]) not in idle:
                self.nets[name].average(self.shared.ema_decay)
        self._updated.clear()

    def prepare_once(self, batch: Batch) -> None:
        """Call `prepare` and start the weight averages, the first time only; `batch` comes from `directed`."""
        if self._prepared:
            return
        self._prepared = True
        self.prepare(batch)
        if self.shared.ema and self.train:  # after `prepare`, so that averages include the parts that it builds
            self.restart_averages()

    @property
    def is_prepared_by_data(self) -> bool:
        """Whether the model builds parts in `prepare`."""
        return type(self).prepare is not BaseModel.prepare

    def restart_averages(self) -> None:
        """With `--ema`, start the averages again from the current weights, as after loading other ones."""
        for name in self._averaged if self.shared.ema else ():
            self.nets[name].start_average()

    @torch.no_grad()
    def translate(self, batch: Batch, *, running_statistics: bool = False) -> dict[str, Tensor]:
        """The images that a test shows, in order. Changes no state, no buffer and no random generator.

        Batch norm normalises each image by its own statistics and dropout draws from (seed, file name), so that an
        image does not depend on its batch; with `running_statistics` (`--eval`) batch norm uses its running
        statistics and dropout is off.
        """
        batch = self.directed(batch)
        with self._inference(batch, running_statistics=running_statistics):
            return self.translation(batch)

    @torch.no_grad()
    def fake(self, batch: Batch, *, running_statistics: bool = False) -> Tensor:
        """The output image alone, for the input "A" of a batch, computed as `translate` does."""
        batch = self.directed(batch)
        with self._inference(batch, running_statistics=running_statistics):
            return self.output(batch)

    def directed(self, batch: Batch) -> dict[str, Any]:
        """The batch with its tensors on the model's device, and A and B swapped if `--direction` is BtoA.

        In a batch without "B", "A" is the input whatever the direction.
        """
        on_device = to_device(batch, self.device)
        return swapped(on_device) if self.shared.direction == "BtoA" and "B" in batch else on_device

    def start_epoch(self, epoch: int) -> None:
        """Set every optimizer's learning rate for an epoch, counted from 1."""
        self.learning_rate.set(Progress(epoch), self.optimizers.values())

    def start_step(self, progress: Progress) -> None:
        """Set the position of the next step, and the learning rate where the policy works per step."""
        self._steps = progress.step
        if self.learning_rate.per_step:
            self.learning_rate.set(progress, self.optimizers.values())

    def end_epoch(self) -> None:
        """Give the learning-rate policy the epoch's mean of the watched losses."""
        self.learning_rate.end_epoch()

    def state_dict(self) -> dict[str, Any]:
        """Everything that an exact resume needs: tensors, numbers, strings, lists and dicts only."""
        return {
            "networks": {name: module.state_dict() for name, module in self.networks.items()},
            "ema": {name: module.state_dict() for name, module in self.averages.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "updater": self.updater.state_dict(),
            "steps": self._steps,
            **self.learning_rate.state_dict(),
            "rng": self.rng.getstate(),
            "extra": self.extra_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned. Call `prepare_once` first, for parts whose shape comes from data."""
        for name, weights in state["networks"].items():
            self.networks[name].load_state_dict(weights)
        for name, weights in state["ema"].items():
            if self.nets[name].ema is None:
                self.nets[name].start_average()
            self.averages[name].load_state_dict(weights)
        for name, optimizer_state in state["optimizers"].items():
            load_optimizer(self.optimizers[name], optimizer_state)
        self.updater.load_state_dict(state["updater"])
        self._steps = int(state.get("steps", 0))
        self.learning_rate.load_state_dict(state)
        version, internal_state, gauss_next = state["rng"]  # setstate needs tuples; a file may hold lists
        self.rng.setstate((version, tuple(internal_state), gauss_next))
        self.load_extra_state(state["extra"])

    def _inference(self, batch: Batch, *, running_statistics: bool = False) -> AbstractContextManager[None]:
        noise = generators(batch, self.shared.seed)
        statistics: Literal["running", "image"] = "running" if running_statistics else "image"
        return set_inference_mode(InferenceMode(statistics, noise, dropout=not running_statistics))
