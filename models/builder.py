"""Builds the parts of a model, its networks, optimizers and losses, from the options that name them."""

import random
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pixlate.models.execution.net import Net
from pixlate.models.execution.plan import choose_execution
from pixlate.models.networks.init import initialise
from pixlate.models.networks.mode import current_mode
from pixlate.models.networks.norms import NormFactory
from pixlate.options.shared import ModelOptions
from pixlate.util.randomness import seed_of
from pixlate.util.signatures import takes_argument

from .context import ModelContext
from .gan_loss import GANLoss, gradient_penalty
from .optimizers import OptimizerFactory, ParamGroup

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
        #: Networks that are not trained: neither saved with the model, nor among `networks`.
        self.frozen_nets: dict[str, Net] = {}
        self.optimizers: dict[str, Optimizer] = {}
        #: The generator for random numbers drawn outside torch, such as those of image pools; saved with the state.
        self.rng = random.Random(shared.seed)
        self._averaged: tuple[str, ...] = ()
        self._optimized: dict[str, list[Net]] = {}  # the networks of each optimizer

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
        build = self.context.load("netD")
        scales = {"num_D": self.shared.num_D} if takes_argument(build, "num_D") else {}
        return self.network(
            name,
            "netD",
            input_nc=input_nc,
            ndf=self.shared.ndf,
            n_layers=self.shared.n_layers_D,
            norm=self.norm(),
            **scales,
        )

    def network(self, name: str, option: str, **arguments: Any) -> Net:
        """Build the network that an option of type `NameOf("network", …)` names, from keyword arguments."""
        return self.add_network(name, lambda: self.context.load(option)(**arguments))

    def add_network(self, name: str, build: Callable[[], nn.Module], *, init: bool = True, trained: bool = True) -> Net:
        """Build a network; random weights depend on the seed and its name alone, those of a helper on its name.

        - init: initialise it as `--init_type` says. False keeps the weights that `build` gives it: pretrained ones, or
          layers that are initialised to zero.
        - trained: False for a helper such as the network of a perceptual loss: it is frozen and in evaluation mode, and
          neither saved nor counted, so that `build` must give it the same weights each time.
        """
        # fork_rng restores the global generator afterwards. Weights are drawn on the CPU, so that a seed gives the same
        # ones on every device.
        with torch.random.fork_rng(devices=[]):
            if trained:
                self._check(name, build)
            # A helper is the same function in every run: its weights are not saved.
            torch.manual_seed(seed_of(self.shared.seed if trained else 0, "init", name))
            module = build()
            if init:
                initialise(module, self.context.load("init_type"), self.shared.init_gain)
        net = Net(module, self.execution, trained=trained)
        (self.nets if trained else self.frozen_nets)[name] = net
        return net

    def add_optimizer(
        self,
        name: str,
        *nets: Net | ParamGroup,
        lr: float | None = None,
        betas: tuple[float, float] | None = None,
        weight_decay: float | None = None,
        build: OptimizerFactory | None = None,
    ) -> Optimizer:
        """Add an optimizer for the networks' weights.

        - nets: networks, or parameter groups as in torch.optim: `{"params": [tensors], "lr": 0.0001}`.
        - lr: the initial learning rate; by default `--lr_G` if the name begins with "G", `--lr_D` if it begins with
          "D", and otherwise `--lr`.
        - betas: by default `--beta1` and `--beta2`; weight_decay: by default `--weight_decay`.
        - build: builds it in place of `--optimizer`, called as those are (see `OptimizerFactory`).
        """
        if lr is None:
            own = {"G": self.shared.lr_G, "D": self.shared.lr_D}.get(name[:1])
            lr = self.shared.lr if own is None else own
        settings = {
            "lr": lr,
            "betas": (self.shared.beta1, self.shared.beta2) if betas is None else betas,
            "weight_decay": self.shared.weight_decay if weight_decay is None else weight_decay,
        }
        weights = [weight for net in nets if isinstance(net, Net) for weight in net.module.parameters()]
        groups = [{**net, "params": list(net["params"])} for net in nets if not isinstance(net, Net)]
        factory: OptimizerFactory = build or self.context.load("optimizer")
        optimizer = factory([*([{"params": weights}] if weights else []), *groups], **settings)
        self.optimizers[name] = optimizer
        self._optimized[name] = [net for net in nets if isinstance(net, Net)]
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]  # what LearningRate multiplies by the policy's factor
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

    def noise(self, batch: Mapping[str, Any], *shape: int) -> Tensor:
        """Standard normal noise, N×shape, for the samples of a batch: the random numbers of a model's `translation`.

        In training it is drawn from the step's generator. In a translation that of a sample depends on the seed and
        the name of its file alone, and further calls draw further numbers.
        """
        A, mode = batch["A"], current_mode()
        if mode is None or mode.noise is None:
            return torch.randn(len(A), *shape, device=self.device, dtype=A.dtype)
        # Drawn on the CPU, so that it does not depend on the device.
        return torch.stack([torch.randn(shape, generator=generator) for generator in mode.noise]).to(A)

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
