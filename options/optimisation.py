"""The options of the optimisation: learning rates, losses, precision, averages."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import click

from .fields import FiniteFloat, NameOf, Scope, option
from .ranges import COUNT, ITERATION, SHARE, WEIGHT, WHOLE


@dataclass(frozen=True)
class Seeded:
    """The seed of all randomness."""

    seed: int = option(
        0,
        "random seed: the same options and seed give the same run",
        type=click.IntRange(0, 2**63 - 1),
        scope=Scope.RUN,
    )


@dataclass(frozen=True)
class OptimisationOptions(Seeded):
    """How networks are optimised."""

    TITLE: ClassVar[str] = "Optimisation"

    n_epochs: int = option(100, "epochs at the full learning rate", type=WHOLE, also=("--niter",))
    n_epochs_decay: int = option(
        100, "epochs over which the learning rate falls to zero", type=WHOLE, also=("--niter_decay",)
    )
    n_images: int = option(
        0,
        "end after so many images, which may be within an epoch; --n_epochs and --n_epochs_decay are then only a "
        "proportion; 0: they are the numbers",
        type=ITERATION,
    )
    decay_share: float | None = option(
        None,
        "with --n_images: the share of the images over which the learning rate falls to zero [default: that of "
        "--n_epochs_decay in all epochs]",
        type=FiniteFloat(0, 1),
    )
    optimizer: str = option("adam", "optimizer of all networks", type=NameOf("optimizer"), on_change="refuse")
    lr: float = option(0.0002, "learning rate", type=WEIGHT)
    lr_G: float | None = option(None, "learning rate of the generators [default: --lr]", type=WEIGHT)
    lr_D: float | None = option(None, "learning rate of the discriminators [default: --lr]", type=WEIGHT)
    beta1: float = option(0.5, "Adam's decay rate of the mean gradient; the momentum of sgd", type=SHARE)
    beta2: float = option(0.999, "Adam's and rmsprop's decay rate of the mean squared gradient", type=SHARE)
    weight_decay: float = option(0.0, "weight decay of all networks", type=WEIGHT)
    n_D_steps: int = option(1, "updates of the discriminators for one of the generators", type=COUNT)
    gan_mode: str = option("lsgan", "adversarial loss", type=NameOf("loss"))
    lambda_gp: float = option(
        10.0, "weight of the gradient penalty of wgangp; 0 is the reference's behaviour", type=WEIGHT
    )
    pool_size: int = option(
        50, "size of the pool of earlier generated images that the discriminator is trained on", type=WHOLE
    )
    lr_policy: str = option("linear", "learning-rate schedule", type=NameOf("lr_policy"))
    lr_decay_iters: int = option(50, "epochs between the steps of --lr_policy step", type=COUNT)
    lr_warmup: int = option(1000, "steps of the warm-up of --lr_policy warmup and warmup_cosine", type=COUNT)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = option(
        "auto", "arithmetic of the networks; auto is bf16 where the hardware supports it", scope=Scope.TRAINING
    )
    compile: Literal["auto", "on", "off"] = option("auto", "torch.compile the networks; auto leaves it off")
    accumulate: int = option(1, "batches whose gradients are summed for one update", type=COUNT)
    clip_grad: float = option(0.0, "limit of the gradient's norm at each update; 0 is none", type=WEIGHT)
    # The averages are part of a run's state: they cannot be added or dropped on resume.
    ema: bool = option(
        False, "keep an exponential moving average of the generators and test with it", on_change="refuse"
    )
    ema_decay: float = option(0.999, "weight of the previous average at each update", type=FiniteFloat(0, 1))
    nonfinite: Literal["skip", "stop", "rollback"] = option(
        "skip", "after an update with NaN or infinite gradients, which is never applied: continue, stop, or reload"
    )
    checkpoint_gradients: bool = option(False, "recompute activations instead of storing them: less memory")
    deterministic: bool = option(False, "use deterministic algorithms only (slower on a GPU)")
