"""The options that belong to no single component, in one frozen dataclass per reader.

A name that two readers need (`direction`, `seed`) is declared once, in a class both inherit from.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import click

from .fields import FiniteFloat, NameOf, WholeOrInf, option

COUNT = click.IntRange(min=1)
WHOLE = click.IntRange(min=0)
WEIGHT = FiniteFloat(min=0)
RATE = FiniteFloat(min=0, min_open=True)


@dataclass(frozen=True)
class ExperimentOptions:
    """Which run this is and what it is made of."""

    TITLE: ClassVar[str] = "Experiment"

    dataroot: str = option("", "folder with the images; 'demo' draws a small data set first", metavar="FOLDER")
    name: str = option("", "name of the run [default: the data's and the model's names]")
    model: str = option("cycle_gan", "the method to train", type=NameOf("model"))
    dataset_mode: str = option("unaligned", "how images are found and paired", type=NameOf("dataset"))
    checkpoints_dir: str = option("./checkpoints", "folder that holds the runs", metavar="FOLDER")
    suffix: str = option("", "added to the name, filled in from the options: '{netG}_size{load_size}'")
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps")
    gpu_ids: str = option("", "older form of --device: '0' is the first GPU, '-1' the processor", metavar="IDS")
    verbose: bool = option(False, "print the networks' layers")


@dataclass(frozen=True)
class Seeded:
    """Where randomness comes from."""

    seed: int = option(0, "a run is a function of its options and this number", type=click.IntRange(0, 2**63 - 1))


@dataclass(frozen=True)
class Channels:
    """What models and data sets must agree on."""

    input_nc: int = option(3, "channels of the input images: 3 colour, 1 grey", type=COUNT)
    output_nc: int = option(3, "channels of the output images: 3 colour, 1 grey", type=COUNT)
    direction: Literal["AtoB", "BtoA"] = option("AtoB", "which side is the input")


@dataclass(frozen=True)
class NetworkOptions(Channels):
    """The architecture: a trained run keeps these."""

    TITLE: ClassVar[str] = "Networks"

    netG: str = option("resnet_9blocks", "generator", type=NameOf("network", role="generator"))
    netD: str = option("basic", "discriminator", type=NameOf("network", role="discriminator"))
    ngf: int = option(64, "channels of the generator's first layer", type=COUNT)
    ndf: int = option(64, "channels of the discriminator's first layer", type=COUNT)
    n_layers_D: int = option(3, "depth of the discriminator 'n_layers'", type=COUNT)
    norm: str = option("instance", "normalisation between layers", type=NameOf("norm"))
    dropout: bool = option(True, "dropout in the generator", flag="--no_dropout")
    init_type: str = option("normal", "how weights start", type=NameOf("init"))
    init_gain: float = option(0.02, "scale of the starting weights", type=WEIGHT)


@dataclass(frozen=True)
class OptimisationOptions(Seeded):
    """How a model's networks are updated."""

    TITLE: ClassVar[str] = "Optimisation"

    n_epochs: int = option(100, "epochs at the full learning rate", type=WHOLE, also=("--niter",))
    n_epochs_decay: int = option(100, "epochs over which the rate falls to zero", type=WHOLE, also=("--niter_decay",))
    lr: float = option(0.0002, "learning rate of Adam", type=RATE)
    beta1: float = option(0.5, "Adam's first momentum (the second is 0.999)", type=FiniteFloat(0, 1, max_open=True))
    gan_mode: str = option("lsgan", "what the discriminator is asked", type=NameOf("loss"))
    lambda_gp: float = option(10.0, "gradient penalty of wgangp; 0 is the reference's behaviour", type=WEIGHT)
    pool_size: int = option(50, "earlier fakes kept to show the discriminator", type=WHOLE)
    lr_policy: str = option("linear", "how the learning rate falls", type=NameOf("lr_policy"))
    lr_decay_iters: int = option(50, "epochs between the steps of --lr_policy step", type=COUNT)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = option(
        "auto", "arithmetic of the networks; auto is bf16 where the hardware really has it"
    )
    compile: Literal["auto", "on", "off"] = option("auto", "torch.compile the networks; auto leaves it off")
    accumulate: int = option(1, "batches whose gradients are summed for one update", type=COUNT)
    clip_grad: float = option(0.0, "limit of the gradient's norm at each update; 0 is none", type=WEIGHT)
    ema: bool = option(False, "keep a running average of the generators and test with it")
    ema_decay: float = option(0.999, "share of the average kept at each update", type=FiniteFloat(0, 1))
    nonfinite: Literal["skip", "stop", "rollback"] = option(
        "skip", "an update with NaN or infinite gradients is never applied; then: go on, stop, or reload"
    )
    checkpoint_gradients: bool = option(False, "recompute activations instead of storing them: less memory")
    deterministic: bool = option(False, "only algorithms that repeat bit for bit (slower on a GPU)")


@dataclass(frozen=True)
class ModelOptions(NetworkOptions, OptimisationOptions):
    """What every model is given beside its own options."""

    TITLE: ClassVar[str] = "Model"


@dataclass(frozen=True)
class DataOptions(Channels, Seeded):
    """What every data set is given beside its own options."""

    TITLE: ClassVar[str] = "Data"

    dataroot: str = option("", "folder with the images", metavar="FOLDER")
    phase: str = option("train", "which part of the data: the folder's prefix")
    preprocess: Literal["resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "none"] = option(
        "resize_and_crop", "how images are brought to size"
    )
    load_size: int = option(286, "size images are scaled to", type=COUNT)
    crop_size: int = option(256, "size images are then cut to", type=COUNT)
    flip: bool = option(True, "mirror half of the images", flag="--no_flip")
    serial_batches: bool = option(False, "take images in order instead of shuffled")
    batch_size: int = option(1, "images per batch", type=COUNT)
    num_threads: int = option(4, "processes that load images; 0 loads in the main one", type=WHOLE)
    max_dataset_size: int | None = option(None, "use at most so many images", type=WholeOrInf(min=1))
    on_bad_image: Literal["stop", "skip"] = option("stop", "an image that cannot be read: stop, or use another")
    max_bad_images: int = option(100, "with --on_bad_image skip: stop after so many", type=WHOLE)
    cache: Literal["auto", "ram", "disk", "off"] = option(
        "auto", "cache of resized images: memory, the disk, or memory and then the disk"
    )
    cache_dir: str = option("", "folder of the cache on disk [default: the user's cache folder]", metavar="FOLDER")


@dataclass(frozen=True)
class TrainingOptions:
    """The training loop: when to save, print and show. Frequencies are in images."""

    TITLE: ClassVar[str] = "Training"

    print_freq: int = option(100, "images between loss lines", type=COUNT)
    display_freq: int = option(400, "images between looks at the results", type=COUNT)
    save_latest_freq: int = option(5000, "images between saves of 'latest'", type=COUNT)
    save_epoch_freq: int = option(5, "epochs between saves under the epoch's number", type=COUNT)
    save_by_iter: bool = option(False, "save under iter_<images> beside 'latest'")
    save_every_minutes: float = option(0.0, "also save 'latest' so often; 0 is off", type=WEIGHT)
    keep: int = option(0, "numbered checkpoints to keep; 0 keeps all", type=WHOLE)
    memory: bool = option(False, "say before the first step how much memory training takes, and for what")
    continue_train: bool = option(False, "go on where the run of this name stopped")
    resume: Literal["never", "auto"] = option("never", "auto: continue the run if there is one, else start it")
    overwrite: bool = option(False, "start anew over the run of this name")
    epoch_count: int | None = option(None, "number of the first epoch [default: 1]", type=COUNT)
    epoch: str = option("latest", "which checkpoint to continue from")
    load_iter: int = option(0, "continue from iter_<N> instead", type=WHOLE)


@dataclass(frozen=True)
class InferenceOptions:
    """Testing: which checkpoint makes which images."""

    TITLE: ClassVar[str] = "Testing"
    __test__: ClassVar[bool] = False

    results_dir: str = option("./results", "folder for the galleries", metavar="FOLDER")
    epoch: str = option("latest", "which checkpoint: latest, or an epoch's number")
    load_iter: int = option(0, "use iter_<N> instead", type=WHOLE)
    num_test: int | None = option(None, "translate only the first N images", type=WholeOrInf(min=1))
    eval: bool = option(False, "batch norm uses its running statistics and dropout is off")
    aspect_ratio: float = option(1.0, "stretch saved images to this ratio of height to width", type=RATE)
    display_winsize: int = option(256, "width of images on the page, in pixels", type=COUNT)
    use_ema: bool = option(True, "use the averaged generator where the run has one")
    precision: Literal["fp32", "bf16"] = option("fp32", "arithmetic of the networks")
