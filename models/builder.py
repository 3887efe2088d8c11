"""Builds the parts of a model, its networks, optimizers and losses, from the options that name them."""

import random
import warnings
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from pixlate.models.execution.net import Net
from pixlate.models.execution.plan import choose_execution
from pixlate.models.networks.init import initialise
from pixlate.models.networks.norms import NormFactory
from pixlate.options.shared import ModelOptions
from pixlate.util.randomness import seed_of

from .context import ModelContext
from .gan_loss import GANLoss, gradient_penalty

Config = TypeVar("Config")


class ModelBuilder(Generic[Config]):
    """The methods of `BaseModel` with which a subclass builds its parts, in `__init__` and in `prepare`.

    - config: the model's own options, an instance of the dataclass that it is registered with.
    - shared: the options of all models.
    - context: the device, the components that options name, and `train`; if `train` is False, a model builds only
      the networks that `translation` needs.
    """

    def __init__(self, config: Config, shared: ModelOptions, context: ModelContext) -> None:
        self.config = config
        self.shared = shared
        self.context = context
        self.train = context.train
        self.device = context.device
        self.execution = choose_execution(shared, self.device, train=self.train)
        self.nets: dict[str, Net] = {}
        self.optimizers: dict[str, Optimizer] = {}
        #: The generator for random numbers drawn outside torch, such as those of image pools; saved with the state.
        self.rng = random.Random(shared.seed)
        self._averaged: tuple[str, ...] = ()

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The bare networks by name; their state_dicts are the checkpoint files."""
        return {name: net.module for name, net in self.nets.items()}

    @property
    def averages(self) -> dict[str, nn.Module]:
        """The averaged networks by name: with `--ema`, from the first step on; otherwise none."""
        return {name: net.ema for name, net in self.nets.items() if net.ema is not None}

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
        return self.network(
            name,
            "netD",
            input_nc=input_nc,
            ndf=self.shared.ndf,
            n_layers=self.shared.n_layers_D,
            norm=self.norm(),
        )

    def network(self, name: str, option: str, **arguments: Any) -> Net:
        """Build the network that an option of type `NameOf("network", …)` names, from keyword arguments."""
        return self.add_network(name, lambda: self.context.load(option)(**arguments))

    def add_network(self, name: str, build: Callable[[], nn.Module]) -> Net:
        """Build and initialise a network; its initial weights depend on the seed and its name alone."""
        # fork_rng restores the global generator afterwards. Weights are drawn on the CPU, so that a seed gives the same
        # ones on every device.
        with torch.random.fork_rng(devices=[]):
            self._check(name, build)
            torch.manual_seed(seed_of(self.shared.seed, "init", name))
            module = build()
            initialise(module, self.context.load("init_type"), self.shared.init_gain)
        self.nets[name] = Net(module.train(), self.execution)
        return self.nets[name]

    def add_optimizer(self, name: str, *nets: Net, lr: float | None = None) -> Optimizer:
        """Add an Adam optimizer for the networks' weights; its initial learning rate is `lr`, by default `--lr`."""
        weights = [weight for net in nets for weight in net.module.parameters()]
        initial_lr = self.shared.lr if lr is None else lr
        # The fused kernel makes one pass over weights and moments instead of ten, and lets Updater skip non-finite
        # updates without waiting for the device. It has not been tested on MPS.
        fused = self.device.type != "mps"
        optimizer = Adam(weights, lr=initial_lr, betas=(self.shared.beta1, 0.999), fused=fused)
        self.optimizers[name] = optimizer
        for group in optimizer.param_groups:
            group["initial_lr"] = initial_lr  # what LearningRate multiplies by the policy's factor
        return optimizer

    def norm(self) -> NormFactory:
        """The factory of `--norm`: called with a number of channels, it builds a normalisation layer."""
        factory: NormFactory = self.context.load("norm")
        return factory

    def gan_loss(self) -> GANLoss:
        """The adversarial loss of `--gan_mode`."""
        loss: GANLoss = self.context.load("gan_mode")()
        return loss

    def penalty(self, D: Net, real: Tensor, fake: Tensor) -> Tensor | float:
        """The gradient penalty on D between N×C×H×W real and fake images if `--gan_mode` has one, else 0.

        D is called uncompiled and in full precision, because the penalty needs second derivatives of it.
        """
        if not (self.context.load("gan_mode").gradient_penalty and self.shared.lambda_gp):
            return 0.0
        return gradient_penalty(D.uncompiled, real, fake, lambda_gp=self.shared.lambda_gp)

    def average(self, *nets: Net) -> None:
        """Declare the networks whose weights `--ema` averages: usually the generators."""
        self._averaged = tuple(name for name, net in self.nets.items() if net in nets)

    def _check(self, name: str, build: Callable[[], nn.Module]) -> None:
        if self.context.check is None:
            return
        try:
            with warnings.catch_warnings(), torch.device("meta"):
                warnings.simplefilter("ignore")  # weights that a network loads by itself have no effect there
                network = build()
        except Exception:  # a network that computes with its weights while it is built is compared when they are loaded
            return
        self.context.check(name, network)
