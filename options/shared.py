"""The shared options, which belong to no single component, in one frozen dataclass per reader.

An option that two readers need (`direction`, `seed`) is declared once, in a class that both inherit from. A field's
scope determines when its stored value is read back, see `options.fields.Scope`; the default is `Scope.MODEL`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import click

from .fields import FolderPath, NameOf, Scope, Tag, WholeOrInf, option
from .health import HealthOptions
from .licensing import LicensingOptions
from .optimisation import OptimisationOptions, Seeded
from .output_template import DEFAULT as OUTPUT_TEMPLATE
from .output_template import OutputTemplate
from .preprocess_modes import PreprocessMode
from .ranges import CHANNELS, COUNT, ITERATION, MINUTES, RATIO, WEIGHT, WHOLE
from .validation import Measured as Measured
from .validation import ValidationOptions as ValidationOptions


@dataclass(frozen=True)
class ExperimentOptions:
    """The run, and its data, model and device."""

    TITLE: ClassVar[str] = "Experiment"

    dataroot: str = option(
        "", "folder with the images; 'demo' draws a small data set first", type=FolderPath(), metavar="FOLDER"
    )
    name: str = option("", "name of the run [default: the data's and the model's names]", scope=Scope.INVOCATION)
    model: str = option("cycle_gan", "the method to train", type=NameOf("model"), on_change="refuse")
    dataset_mode: str = option(
        "unaligned", "how images are found and paired", type=NameOf("dataset"), on_change="refuse"
    )
    # A stored checkpoints_dir is not read back: the folder may have been moved, and its path is known when it is read.
    checkpoints_dir: str = option(
        "./checkpoints", "folder that holds the runs", type=FolderPath(), metavar="FOLDER", scope=Scope.INVOCATION
    )
    suffix: str = option(
        "", "appended to the name, with the values of options: '{netG}_size{load_size}'", scope=Scope.INVOCATION
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps", scope=Scope.TRAINING)
    gpu_ids: str = option(
        "", "older form of --device: '0' is the first GPU, '-1' the CPU", metavar="IDS", scope=Scope.TRAINING
    )
    verbose: bool = option(False, "print the networks' layers", scope=Scope.TRAINING, on_change="ignore")


@dataclass(frozen=True)
class Directed:
    """The option that models and data sets share."""

    direction: Literal["AtoB", "BtoA"] = option("AtoB", "which side is the input", scope=Scope.RUN)


@dataclass(frozen=True)
class NetworkOptions(Directed):
    """The networks: most of these options cannot change once a run has started."""

    TITLE: ClassVar[str] = "Networks"

    input_nc: int = option(3, "channels of the input", type=CHANNELS, scope=Scope.ARCHITECTURE)
    output_nc: int = option(3, "channels of the output", type=CHANNELS, scope=Scope.ARCHITECTURE)

    netG: str = option(
        "resnet_9blocks", "generator", type=NameOf("network", role="generator"), scope=Scope.ARCHITECTURE
    )
    netD: str = option("basic", "discriminator", type=NameOf("network", role="discriminator"), scope=Scope.RUN)
    ngf: int = option(64, "channels of the generator's first layer", type=CHANNELS, scope=Scope.ARCHITECTURE)
    ndf: int = option(64, "channels of the discriminator's first layer", type=CHANNELS, scope=Scope.RUN)
    n_layers_D: int = option(
        3, "depth of the discriminators 'n_layers' and 'multiscale'", type=click.IntRange(1, 32), scope=Scope.RUN
    )
    num_D: int = option(
        3,
        "scales of the discriminator 'multiscale': the image, half of its size, …",
        type=click.IntRange(1, 8),
        scope=Scope.RUN,
    )
    norm: str = option("instance", "normalisation layer", type=NameOf("norm"), scope=Scope.ARCHITECTURE)
    # Not of the architecture: a U-Net's weights do not depend on it, and others are compared when they are loaded.
    dropout: bool = option(True, "dropout in the generator", flag="--no_dropout", scope=Scope.RUN)
    # Only listed on resume: the weights come from the checkpoint, so that another initialisation has no effect.
    init_type: str = option("normal", "weight initialisation", type=NameOf("init"), scope=Scope.RUN, on_change="list")
    init_gain: float = option(0.02, "scale of the initial weights", type=WEIGHT, scope=Scope.RUN, on_change="list")


@dataclass(frozen=True)
class ModelOptions(NetworkOptions, OptimisationOptions):
    """The shared options that every model receives besides its own."""

    TITLE: ClassVar[str] = "Model"


@dataclass(frozen=True)
class DataOptions(Directed, Seeded):
    """The shared options that every data set receives besides its own."""

    TITLE: ClassVar[str] = "Data"

    input_nc: int | None = option(
        None,
        "channels of the input images: colours become grey with 1, and grey is repeated [default: those of the files, "
        "3 for images of 8 bits]",
        type=CHANNELS,
        scope=Scope.ARCHITECTURE,
    )
    output_nc: int | None = option(None, "the same of the output images", type=CHANNELS, scope=Scope.ARCHITECTURE)

    dataroot: str = option("", "folder with the images", type=FolderPath(), metavar="FOLDER")
    phase: str = option(
        "train", "part of the data: the prefix of its folders", scope=Scope.TRAINING, on_change="refuse"
    )
    preprocess: str = option(
        "resize_and_crop", "how images are resized and cropped", type=PreprocessMode(), scope=Scope.RUN
    )
    load_size: int = option(
        286, "size to which images are resized", type=COUNT, scope=Scope.TRAINING, on_change="refuse"
    )
    crop_size: int = option(256, "size to which they are then cropped", type=COUNT, scope=Scope.RUN)
    flip: bool = option(True, "flip images horizontally with probability 0.5", flag="--no_flip", scope=Scope.TRAINING)
    augment: tuple[str, ...] = option(
        (),
        "random changes of training images (repeatable): rotation=10 (degrees), zoom=0.1, vertical_flip=0.5 and "
        "quarter_turns=0.75 (probabilities) of all fields together; brightness=0.2, contrast=0.2, saturation=0.2, "
        "hue=0.05 and noise=0.02 of the input, or of another field: B.noise=0.02",
        multiple=True,
        metavar="CHANGE=AMOUNT",
        scope=Scope.TRAINING,
    )
    balance: bool = option(
        False, "draw samples of all groups (domains, or the column group) equally often", scope=Scope.TRAINING
    )
    serial_batches: bool = option(False, "take images in order instead of shuffled", scope=Scope.TRAINING)
    batch_size: int = option(1, "images per batch", type=COUNT, scope=Scope.TRAINING)
    num_threads: int = option(
        4, "worker processes that load images; 0 loads in the main process", type=WHOLE, scope=Scope.TRAINING
    )
    max_dataset_size: int | None = option(
        None, "use at most this many images", type=WholeOrInf(min=1), scope=Scope.TRAINING, on_change="refuse"
    )
    field: tuple[str, ...] = option(
        (),
        "what the files do not tell of A or B (repeatable): A=labels:11[:palette.json], B=mask, "
        "A=image:-1000..3071 for the values that are black and white, A=image:3,2,1 for the bands that are shown, "
        "B=scale:2 where B is twice as large as A",
        multiple=True,
        metavar="NAME=KIND",
        scope=Scope.RUN,
    )
    ignore_metadata: bool = option(
        False,
        "read images as they are stored: neither turned by their EXIF orientation nor converted from their "
        "colour profile to sRGB",
        scope=Scope.RUN,
    )
    max_image_pixels: int | None = option(
        89_478_485,
        "largest number of pixels of an image, against files that would fill the memory; 'inf': any",
        type=WholeOrInf(min=1),
        scope=Scope.RUN,
        on_change="ignore",
    )
    on_bad_image: Literal["stop", "skip"] = option(
        "stop", "an image that cannot be read: stop, or use another", scope=Scope.TRAINING
    )
    max_bad_images: int = option(
        100, "with --on_bad_image skip: stop after this many", type=WHOLE, scope=Scope.TRAINING
    )
    cache: Literal["auto", "ram", "disk", "off"] = option(
        "auto", "cache of resized images: memory, the disk, or memory and then the disk", scope=Scope.TRAINING
    )
    cache_dir: str = option(
        "",
        "folder of the cache on disk [default: the user's cache folder]",
        type=FolderPath(),
        metavar="FOLDER",
        scope=Scope.TRAINING,
    )


@dataclass(frozen=True)
class TrainingOptions:
    """The training loop: when to save, print and display. Frequencies are in images."""

    TITLE: ClassVar[str] = "Training"

    print_freq: int = option(100, "images between loss lines", type=COUNT)
    display_freq: int = option(400, "images between displays of the results", type=COUNT)
    num_previews: int = option(4, "held-out samples that are translated at each display; 0: none", type=WHOLE)
    preview: tuple[str, ...] = option(
        (),
        "an image that is translated at each display, in place of held-out samples (repeatable)",
        multiple=True,
        metavar="FILE",
    )
    save_latest_freq: int = option(5000, "images between saves of 'latest'", type=COUNT)
    save_epoch_freq: int = option(5, "epochs between saves under the epoch's number", type=COUNT)
    save_by_iter: bool = option(False, "save under iter_<images> beside 'latest'")
    save_every_minutes: float = option(0.0, "also save 'latest' after this many minutes; 0 is off", type=WEIGHT)
    minutes: float = option(
        0.0, "train for so long: sets --n_images after the first minute, or a tenth of the time; 0: off", type=MINUTES
    )
    keep: int = option(0, "number of numbered checkpoints to keep; 0 keeps all", type=WHOLE)
    memory: bool = option(False, "print an estimate of the memory that training needs before the first step")
    continue_train: bool = option(False, "resume the run of this name where it stopped", scope=Scope.INVOCATION)
    resume: Literal["never", "auto"] = option(
        "never", "auto: resume the run if there is one, else start it", scope=Scope.INVOCATION
    )
    overwrite: bool = option(
        False,
        "delete the run of this name and start again",
        envvar="PIXLATE_OVERWRITE",
        show_envvar=True,
        scope=Scope.INVOCATION,
    )
    init_from: tuple[str, ...] = option(
        (),
        "start a new run from the weights of another run, or of a file (repeatable)",
        multiple=True,
        metavar="[NET=]PATH",
        scope=Scope.TRAINING,
        on_change="refuse",
    )
    epoch_count: int = option(
        1, "number of the first epoch, for weights without a training state", type=COUNT, scope=Scope.INVOCATION
    )
    epoch: str = option(
        "latest",
        "checkpoint to resume from: one that a plugin saved with its state, such as best; any, where there is no state",
        type=Tag(),
        metavar="TAG",
        scope=Scope.INVOCATION,
    )
    load_iter: int = option(0, "resume from iter_<N> instead", type=ITERATION, scope=Scope.INVOCATION)


@dataclass(frozen=True)
class InferenceOptions(Measured):
    """Testing: the checkpoint, and the images that are written."""

    TITLE: ClassVar[str] = "Testing"
    __test__: ClassVar[bool] = False

    results_dir: str = option("./results", "folder for the galleries", type=FolderPath(), metavar="FOLDER")
    epoch: str = option(
        "latest", "checkpoint: latest, or the number of an epoch", type=Tag(), metavar="TAG", scope=Scope.INVOCATION
    )
    load_iter: int = option(0, "use iter_<N> instead", type=ITERATION, scope=Scope.INVOCATION)
    num_test: int | None = option(None, "translate only the first N images", type=WholeOrInf(min=1))
    eval: bool = option(False, "batch norm uses its running statistics and dropout is off")
    visuals: tuple[str, ...] = option(
        (), "write and show only these images (repeatable): fake_B, say [default: all]", multiple=True, metavar="LABEL"
    )
    image_format: Literal["png", "jpg", "webp", "tif"] = option("png", "format of the images that are written")
    output_template: str = option(
        OUTPUT_TEMPLATE,
        "names of the files in images/, which fields stand in: {stem}, {label}, {folder} (sub-folder of the input), "
        "{index}, {name} (of the run), {phase}, {epoch}",
        type=OutputTemplate(),
        metavar="TEMPLATE",
    )
    change_map: bool = option(
        False, "add the image 'change': where the output differs from its input, black for nowhere, white for much"
    )
    worst_first: bool = option(False, "show the results in the order of the first --metric, the worst first")
    aspect_ratio: float = option(1.0, "stretch saved images to this ratio of height to width", type=RATIO)
    display_winsize: int = option(256, "width of images on the page, in pixels", type=COUNT)
    use_ema: bool = option(True, "use the averaged generator where the run has one")
    precision: Literal["fp32", "bf16"] = option("fp32", "arithmetic of the networks", scope=Scope.TRAINING)
    use_wandb: bool = option(
        False, "accepted as in the reference; the images of a test are in its gallery alone", scope=Scope.TRAINING
    )
    wandb_project_name: str = option("CycleGAN-and-pix2pix", "accepted as in the reference", scope=Scope.TRAINING)


#: The owners of each command's options, in the order of `--help`; where two declare one name, the first one counts.
OWNERS: Mapping[str, tuple[type, ...]] = {
    "train": (
        ExperimentOptions,
        DataOptions,
        NetworkOptions,
        OptimisationOptions,
        TrainingOptions,
        ValidationOptions,
        HealthOptions,
        LicensingOptions,
    ),
    "test": (ExperimentOptions, InferenceOptions, DataOptions, NetworkOptions),
}
#: The names of all shared options.
SHARED = frozenset(field.name for owners in OWNERS.values() for owner in owners for field in fields(owner))
