"""The public functions. They look up names in the default plugins, unless other plugins are passed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pixlate.data import create as data
from pixlate.data.base import BaseDataset
from pixlate.errors import CheckpointError, OptionError
from pixlate.inference.hub import pretrained_folder
from pixlate.inference.loading import load_translator
from pixlate.inference.translator import Translator
from pixlate.models import create as models
from pixlate.models.base import BaseModel
from pixlate.models.execution.device import choose_device
from pixlate.models.networks.init import initialise
from pixlate.plugins.commands.measuring import asked_for, test_of
from pixlate.plugins.commands.runs import higher_is_better
from pixlate.plugins.field import Field
from pixlate.plugins.manager import Plugins
from pixlate.runs.judging import evaluation
from pixlate.runs.judging.evaluation import Evaluation
from pixlate.runs.record import RunRecord
from pixlate.util.text import quoted

from .default_plugins import get_plugins


def create_model(
    name: str,
    *,
    train: bool = True,
    device: str | torch.device = "cpu",
    fields: Mapping[str, Field] | None = None,
    plugins: Plugins | None = None,
    **options: Any,
) -> BaseModel[Any]:
    """Create a registered model; option names are those of the command line (`no_dropout=True` too).

    Computes in float32 and uncompiled, unless `precision` and `compile` are passed. Options of the data and of the
    training loop are checked and have no effect.

    - train: False builds only the networks that translation needs.
    - device: auto, cpu, cuda, cuda:N, mps, or a torch.device.
    - fields: the fields of the data by name; None for images A and B.
    - plugins: where names are looked up; None for the default plugins.

    Raises OptionError for an unknown model, option or value.
    """
    device = device if isinstance(device, torch.device) else choose_device(device)
    return models.create_model(plugins or get_plugins(), name, train=train, device=device, fields=fields, **options)


def create_dataset(
    name: str, *, dataroot: str | Path = "", phase: str = "train", plugins: Plugins | None = None, **options: Any
) -> BaseDataset[Any]:
    """Create a registered data set; option names are those of the command line (`no_flip=True` too).

    `dataroot="demo"` draws the demo data first. Raises OptionError for an unknown data set, option or value,
    DataError for missing images.
    """
    return data.create_dataset(plugins or get_plugins(), name, dataroot=str(dataroot), phase=phase, **options)


def create_generator(
    name: str,
    *,
    input_nc: int,
    output_nc: int,
    ngf: int = 64,
    norm: str = "instance",
    use_dropout: bool = False,
    init_type: str = "normal",
    init_gain: float = 0.02,
    plugins: Plugins | None = None,
) -> nn.Module:
    """A generator: N×input_nc×H×W to N×output_nc×H×W in [-1, 1].

    Its initial weights are drawn from torch's global generator.

    - name, norm, init_type: as registered ("resnet_9blocks", "batch", "orthogonal", …).
    - ngf: channels of its first layer.

    Raises OptionError for an unknown name (with the nearest known one) and for a count below 1.
    """
    _check_counts(input_nc=input_nc, output_nc=output_nc, ngf=ngf)
    plugins = plugins or get_plugins()
    network = plugins.registry("network").get(name, role="generator").load()
    layer = plugins.registry("norm").get(norm).load()
    net: nn.Module = network(input_nc=input_nc, output_nc=output_nc, ngf=ngf, norm=layer, use_dropout=use_dropout)
    initialise(net, plugins.registry("init").get(init_type).load(), init_gain)
    return net


def create_discriminator(
    name: str,
    *,
    input_nc: int,
    ndf: int = 64,
    n_layers: int = 3,
    norm: str = "instance",
    init_type: str = "normal",
    init_gain: float = 0.02,
    plugins: Plugins | None = None,
) -> nn.Module:
    """A discriminator: N×input_nc×H×W to N×1×h×w logits.

    Its initial weights are drawn from torch's global generator.

    - name, norm, init_type: as registered ("basic", "instance", "normal", …).
    - ndf: channels of its first layer; n_layers: depth, for discriminators with a choice of it.

    Raises OptionError for an unknown name (with the nearest known one) and for a count below 1.
    """
    _check_counts(input_nc=input_nc, ndf=ndf, n_layers=n_layers)
    plugins = plugins or get_plugins()
    network = plugins.registry("network").get(name, role="discriminator").load()
    layer = plugins.registry("norm").get(norm).load()
    net: nn.Module = network(input_nc=input_nc, ndf=ndf, n_layers=n_layers, norm=layer)
    initialise(net, plugins.registry("init").get(init_type).load(), init_gain)
    return net


def load(
    run: str | Path,
    *,
    epoch: str | int = "latest",
    device: str = "auto",
    direction: str = "",
    running_statistics: bool = False,
    plugins: Plugins | None = None,
) -> Translator:
    """Load a trained model as a Translator.

    - run: a run folder of pixlate or of the reference, the name of one in ./checkpoints, one `*_net_G*.pth`, a folder
      of `Translator.save_pretrained`, a `*_state.pt` of a run, which stands for its checkpoint, or an ONNX file of
      `pixlate export`.
    - epoch: the checkpoint's tag: "latest", an epoch's number, "iter_5000".
    - device: auto, cpu, cuda, cuda:N or mps.
    - direction: "AtoB" or "BtoA", of a model that translates in both; empty for that of the run.
    - running_statistics: batch norm uses its running statistics and dropout is off, as with `test.py --eval`. By
      default batch norm takes the statistics of each image, and dropout draws from the seed and the image's name.

    The options of a folder of the reference are read from its train_opt.txt; those of a bare file are inferred from
    the names and shapes of its tensors. For U-Nets these do not show whether there was dropout: it stays off. Computes
    in float32. Raises CheckpointError when the checkpoint is missing, damaged, or of an unknown architecture,
    OptionError for a direction in which the model does not translate.
    """
    return load_translator(
        plugins or get_plugins(),
        run,
        epoch=epoch,
        device=device,
        direction=direction,
        running_statistics=running_statistics,
    )


def from_pretrained(
    name: str | Path,
    *,
    revision: str = "",
    device: str = "auto",
    direction: str = "",
    running_statistics: bool = False,
    plugins: Plugins | None = None,
) -> Translator:
    """Load a model that `Translator.save_pretrained` wrote, from a folder or from the Hugging Face Hub.

    Nothing in it is executed: the weights are safetensors, all else is JSON.

    - name: the folder, or "owner/name" of a repository on the Hub, which needs the extra `hub` and is kept in the
      cache of huggingface_hub.
    - revision: of the repository: a branch, tag or commit.
    - others: as of `load`.

    Raises CheckpointError where there is none or it is damaged, OptionError where a library is not installed.
    """
    return load(
        pretrained_folder(name, revision),
        device=device,
        direction=direction,
        running_statistics=running_statistics,
        plugins=plugins,
    )


def open_run(run: str | Path, *, plugins: Plugins | None = None) -> RunRecord:
    """A stored run as an object: its options, metrics, curves and newest held-out images, which a notebook shows.

    - run: a run's folder, or the name of one in ./checkpoints.

    Raises CheckpointError where there is no run.
    """
    path = Path(run).expanduser()
    folder = path if path.is_dir() else Path("checkpoints") / path
    if not folder.is_dir():
        raise CheckpointError(f"there is no run folder {quoted(path)}, and no run of this name in ./checkpoints.")
    return RunRecord(folder, higher_is_better(plugins or get_plugins()))


def evaluate(
    run: str | Path,
    *,
    metrics: Sequence[str] = (),
    protocol: str = "",
    phase: str = "",
    epoch: str | int = "latest",
    images: int | None = None,
    dataroot: str | Path = "",
    device: str = "auto",
    plugins: Plugins | None = None,
) -> Evaluation:
    """Measure how good a run is, as `pixlate evaluate` does.

    - run: a run's folder, or the name of one in ./checkpoints.
    - metrics: their names, in place of the protocol's; protocol: "pairs", "labels", "sets", "inception", "colours", or
      a TOML file; without either, the data chooses.
    - phase: of the data; empty for test, or val where there is no test. epoch: the checkpoint's tag.
    - images: at most so many; dataroot: other data than that of the training.

    Raises OptionError for metrics that do not fit the data or are not installed, and what loading a run raises.
    """
    plugins = plugins or get_plugins()
    asked = {"protocol": protocol, "metrics": tuple(metrics), "phase": phase, "epoch": str(epoch), "images": images}
    given = {**asked, "dataroot": str(dataroot), "device": device, "weights": (), "files": ()}
    chosen, weights = asked_for(plugins, given)
    return evaluation.evaluate(test_of(plugins, str(run), chosen, given), plugins, chosen, weights)


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise OptionError(f"'{name}' must be at least 1, not {count}.")
