"""The base class of all models: what a subclass provides, and what it is given.

A subclass builds its networks and optimizers in `__init__` and says in `step` how one batch updates them, and in
`translation` which images a test shows. Devices, precision, schedules, averaging, state and train/eval
switching are here. A model never prints, touches paths or displays.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from pixlate.errors import PixlateError, did_you_mean
from pixlate.models.execution.net import Net
from pixlate.models.execution.plan import choose_execution
from pixlate.models.networks.init import initialise
from pixlate.models.networks.mode import InferenceMode, set_inference_mode
from pixlate.options.shared import ModelOptions
from pixlate.util.randomness import seed_of

from .context import ModelContext
from .gan_loss import GANLoss, gradient_penalty
from .lr_policies import Policy, Schedule
from .networks.norms import NormFactory
from .updater import Group, Updater

Config = TypeVar("Config")
Batch = Mapping[str, Any]


@dataclass(frozen=True)
class StepResult:
    """What one training step leaves: `losses`, scalars by name, and `images`, N×C×H×W in [-1, 1], all detached."""

    losses: dict[str, Tensor]
    images: dict[str, Tensor]


class BaseModel(ABC, Generic[Config]):
    """A method of image translation: its networks, its losses and their order.

    - config: the model's own options; shared: the options that all models read.
    - context: device, the components that options name, and `train`: False builds only what `translation` needs.
    """

    #: Losses whose sum the plateau policy watches, by their name in a StepResult.
    watched_losses: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: Config, shared: ModelOptions, context: ModelContext) -> None:
        self.config = config
        self.shared = shared
        self.context = context
        self.train = context.train
        self.device = context.device
        self.execution = choose_execution(shared, self.device, train=self.train)
        self.nets: dict[str, Net] = {}
        self.optimizers: dict[str, Optimizer] = {}
        self.rng = random.Random(shared.seed)
        schedule = Schedule(shared.n_epochs, shared.n_epochs_decay, shared.lr_decay_iters)
        self.policy: Policy = context.load("lr_policy")(schedule)
        self.updater = Updater(self.device, scaled=self.execution.dtype is torch.float16, clip_grad=shared.clip_grad)
        self._averaged: tuple[str, ...] = ()
        self._watched = torch.zeros((), dtype=torch.float64 if self.device.type != "mps" else torch.float32)
        self._watched_steps = 0
        self._prepared = False

    # --- what a subclass provides ------------------------------------------------------------------------------

    @abstractmethod
    def step(self, batch: Batch) -> StepResult:
        """Update every network once from a batch: "A" the input, "B" the target side, on the model's device."""

    @abstractmethod
    def translation(self, batch: Batch) -> dict[str, Tensor]:
        """The images a test shows for a batch, in their order: real_A, fake_B, …"""

    def prepare(self, batch: Batch) -> None:
        """Build what depends on the data's shape; called once, with the first batch, before the first step."""

    def extra_state(self) -> dict[str, Any]:
        """What the subclass must save beside networks and optimizers: tensors, numbers, strings, lists, dicts."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `extra_state` gave."""

    # --- what a subclass is given ------------------------------------------------------------------------------

    def generator(self, name: str, input_nc: int, output_nc: int) -> Net:
        """Build the generator of `--netG` under a name such as "G_A"."""
        return self.network(
            name,
            "netG",
            input_nc=input_nc,
            output_nc=output_nc,
            ngf=self.shared.ngf,
            norm=self.norm(),
            use_dropout=self.shared.dropout,
        )

    def discriminator(self, name: str, input_nc: int) -> Net:
        """Build the discriminator of `--netD` under a name such as "D_A"."""
        shared = self.shared
        return self.network(
            name, "netD", input_nc=input_nc, ndf=shared.ndf, n_layers=shared.n_layers_D, norm=self.norm()
        )

    def network(self, name: str, option: str, **arguments: Any) -> Net:
        """Build the network that an option of kind `NameOf("network", …)` names, from these arguments."""
        return self.add_network(name, lambda: self.context.load(option)(**arguments))

    def norm(self) -> NormFactory:
        """The normalisation of `--norm`: makes the layer for a number of channels."""
        factory: NormFactory = self.context.load("norm")
        return factory

    def gan_loss(self) -> GANLoss:
        """The adversarial loss of `--gan_mode`."""
        loss: GANLoss = self.context.load("gan_mode")()
        return loss

    def penalty(self, D: Net, real: Tensor, fake: Tensor) -> Tensor | float:
        """The gradient penalty on D between real and fake images where `--gan_mode` has one, else 0.

        D is called uncompiled and in full precision, because the penalty needs gradients of its gradients.
        """
        if not (self.context.load("gan_mode").gradient_penalty and self.shared.lambda_gp):
            return 0.0
        return gradient_penalty(D.exactly, real, fake, lambda_gp=self.shared.lambda_gp)

    def add_network(self, name: str, build: Any) -> Net:
        """Build, initialise and keep a network; its weights depend on the seed and the name alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(self.shared.seed, "init", name))
            module: nn.Module = build()
            initialise(module, self.context.load("init_type"), self.shared.init_gain)
        self.nets[name] = Net(module.train(), self.execution)
        return self.nets[name]

    def add_optimizer(self, name: str, *nets: Net, lr: float | None = None) -> Optimizer:
        """Keep an Adam over the networks' weights, its rate `--lr` unless told otherwise."""
        weights = [weight for net in nets for weight in net.module.parameters()]
        rate = self.shared.lr if lr is None else lr
        optimizer = Adam(weights, lr=rate, betas=(self.shared.beta1, 0.999), fused=self.device.type != "mps")
        self.optimizers[name] = optimizer
        for group in optimizer.param_groups:
            group["initial_lr"] = rate
        return optimizer

    def average(self, *nets: Net) -> None:
        """Name the networks whose weights `--ema` averages: the generators."""
        self._averaged = tuple(name for name, net in self.nets.items() if net in nets)

    def update(self, names: str | Sequence[str], loss: Tensor) -> None:
        """Backpropagate a loss and update the weights of one optimizer, or of several that share the loss."""
        chosen = [names] if isinstance(names, str) else names
        self.updater.update([self.optimizers[name] for name in chosen], loss)

    # --- what a run calls --------------------------------------------------------------------------------------

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The bare networks by name; their state_dicts are the checkpoint files."""
        return {name: net.module for name, net in self.nets.items()}

    @property
    def averages(self) -> dict[str, nn.Module]:
        """The averaged networks by name, where `--ema` is on and training has begun."""
        return {name: net.ema for name, net in self.nets.items() if net.ema is not None}

    def training_step(self, batch: Batch, *, group: Group | None = None) -> StepResult:
        """One step on a batch {"A": N×C×H×W in [-1, 1], "B": …, "A_paths": […], "B_paths": […]}.

        `group` says where the batch stands among those whose gradients are accumulated; alone by default.
        """
        batch = self.directed(batch)
        self.prepare_once(batch)
        self.updater.group = group or Group()
        result = self.step(batch)
        self.updater.step_ended()
        if self.updater.group.last:
            for name in self._averaged:
                self.nets[name].average(self.shared.ema_decay)
        losses = {name: loss.detach() for name, loss in result.losses.items()}
        self._watch(losses)
        return StepResult(losses, {name: image.detach() for name, image in result.images.items()})

    def prepare_once(self, batch: Batch) -> None:
        """Run `prepare` and begin the averages, unless that was done."""
        if self._prepared:
            return
        self._prepared = True
        self.prepare(batch)
        if self.shared.ema:
            for name in self._averaged:
                self.nets[name].start_average()

    @torch.no_grad()
    def translate(self, batch: Batch, *, running_statistics: bool = False) -> dict[str, Tensor]:
        """The images that a test shows, in their order. Changes no state, no buffer and no random generator.

        Batch norm takes each image's own statistics and dropout draws from (seed, file name), so that a
        image does not depend on its batch; `running_statistics` (`--eval`) uses the running statistics and
        no dropout.
        """
        batch = self.directed(batch)
        noise = None if running_statistics else [self._noise(name) for name in _names(batch)]
        with set_inference_mode(InferenceMode("running" if running_statistics else "image", noise)):
            return self.translation(batch)

    @torch.no_grad()
    def fake(self, batch: Batch) -> Tensor:
        """The output image alone, for the input "A" of a batch, under the same rules as `translate`."""
        batch = self.directed(batch)
        with set_inference_mode(InferenceMode("image", [self._noise(name) for name in _names(batch)])):
            return self.output(batch)

    def output(self, batch: Batch) -> Tensor:
        """The translation of "A": the first fake of `translation`, unless a subclass has a shorter way."""
        images = self.translation({name: batch[name] for name in ("A", "A_paths")})
        return next(image for name, image in images.items() if name.startswith("fake"))

    def start_epoch(self, epoch: int) -> None:
        """Set every optimizer's learning rate for an epoch, counted from 1."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * self.policy.factor(epoch)

    def end_epoch(self) -> None:
        """Tell the learning-rate policy the epoch's mean of the watched losses."""
        self.policy.epoch_ended(float(self._watched) / max(1, self._watched_steps))
        self._watched, self._watched_steps = torch.zeros_like(self._watched), 0

    def state_dict(self) -> dict[str, Any]:
        """Everything that continuing exactly needs: tensors, numbers, strings, lists and dicts only."""
        return {
            "networks": {name: module.state_dict() for name, module in self.networks.items()},
            "ema": {name: module.state_dict() for name, module in self.averages.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "updater": self.updater.state_dict(),
            "policy": self.policy.state_dict(),
            "watched": {"sum": float(self._watched), "steps": self._watched_steps},
            "rng": self.rng.getstate(),
            "extra": self.extra_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave; a model whose parts come from data must be prepared before."""
        for name, weights in state["networks"].items():
            self.networks[name].load_state_dict(weights)
        for name, weights in state["ema"].items():
            if self.nets[name].ema is None:
                self.nets[name].start_average()
            self.averages[name].load_state_dict(weights)
        for name, optimizer in state["optimizers"].items():
            groups = self.optimizers[name].param_groups
            asked = [{key: value for key, value in group.items() if key in ("initial_lr", "betas")} for group in groups]
            self.optimizers[name].load_state_dict(optimizer)
            for group, own in zip(self.optimizers[name].param_groups, asked, strict=True):
                group.update(own)  # --lr and --beta1 may have changed since
        self.updater.load_state_dict(state["updater"])
        self.policy.load_state_dict(state["policy"])
        self._watched = torch.full_like(self._watched, state["watched"]["sum"])
        self._watched_steps = int(state["watched"]["steps"])
        version, internal, gauss = state["rng"]
        self.rng.setstate((version, tuple(internal), gauss))
        self.load_extra_state(state["extra"])

    # -----------------------------------------------------------------------------------------------------------

    def _watch(self, losses: Mapping[str, Tensor]) -> None:
        for name in self.watched_losses:
            if name not in losses:
                raise PixlateError(
                    f"{type(self).__name__}.watched_losses names '{name}', which its step does not give."
                    f"{did_you_mean(name, losses)}"
                )
            self._watched += losses[name].to(self._watched)
        self._watched_steps += 1

    def directed(self, batch: Batch) -> dict[str, Any]:
        """The batch on the model's device, its sides swapped where `--direction` is BtoA."""
        swapped = {"A": "B", "B": "A", "A_paths": "B_paths", "B_paths": "A_paths"}
        directed = {}
        for name, value in batch.items():
            if self.shared.direction == "BtoA" and "B" in batch:
                name = swapped.get(name, name)
            directed[name] = value.to(self.device, non_blocking=True) if isinstance(value, Tensor) else value
        return directed

    def _noise(self, name: str) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of(self.shared.seed, "test", name))


def _names(batch: Batch) -> Sequence[str]:
    paths: Iterable[str] | None = batch.get("A_paths")
    if paths is None:
        return [str(i) for i in range(len(batch["A"]))]
    return [str(path).replace("\\", "/").rsplit("/", 1)[-1] for path in paths]
