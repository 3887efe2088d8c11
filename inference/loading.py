"""Loads a trained model as a Translator, from a run's folder or from one network file."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pixlate.errors import CheckpointError
from pixlate.models.base import BaseModel
from pixlate.models.create import create_model
from pixlate.models.execution.device import choose_device
from pixlate.models.networks.architecture import infer_generator
from pixlate.models.weights import SavedNetworks, check_tag, read_weights, saved_networks
from pixlate.options.command.hints import missing_plugin
from pixlate.options.command.listing import read_run_options
from pixlate.options.command.parser import declared_options
from pixlate.options.fields import defaults_of
from pixlate.options.shared import NetworkOptions, Seeded
from pixlate.plugins.manager import Plugins

from .translator import Translator


def load_translator(plugins: Plugins, run: str | Path, *, epoch: str | int, device: str) -> Translator:
    """Load a trained model as a Translator.

    - run: a run's folder, of pixlate or of the reference; the name of a run in ./checkpoints; or a `*_net_G*.pth` file.
    - epoch: the checkpoint's tag, such as "latest", 5 or "iter_5000".
    - device: auto, cpu, cuda, cuda:N or mps.

    The options of a reference run are read from its train_opt.txt. Those of a single file are inferred from the names
    and shapes of its tensors, which for a U-Net do not tell whether it has dropout: it is off then.
    Computes in float32.

    Raises CheckpointError if the checkpoint is missing, damaged, or of an unknown architecture, OptionError if `epoch`
    is no tag.
    """
    path = Path(run)
    check_tag(str(epoch))
    if not path.exists() and (Path("checkpoints") / path).is_dir():
        path = Path("checkpoints") / path
    if path.is_file():
        return Translator(_from_file(plugins, path, device))
    if not path.is_dir():
        raise CheckpointError(f"there is no run folder or checkpoint file '{run}'.")
    return Translator(_from_folder(plugins, path, str(epoch), device))


def _from_folder(plugins: Plugins, folder: Path, tag: str, device: str) -> BaseModel[Any]:
    stored = read_run_options(folder, declared_options(plugins))
    options = stored.options if stored else {}
    if not options or str(options.get("model")) not in plugins.registry("model"):
        # Without options, a generator's file suffices. If options are stored, their model must be installed, because
        # its images may differ from those of the generator alone.
        generators = sorted(folder.glob(f"{tag}_net_G*.pth"))
        if (not stored or stored.is_listing) and generators:
            return _from_file(plugins, generators[0], device)
        component = stored.components.get("model") if stored else None
        missing = missing_plugin(plugins, "model", component, stored.plugin_files) if stored and component else None
        if missing:
            raise CheckpointError(str(missing))
        name = options.get("model") if options else None
        raise CheckpointError(
            f"the model '{name}' of '{folder}' is not installed."
            if name
            else f"'{folder}' has neither the options of a run nor a file '{tag}_net_G*.pth'."
        )
    return _for_inference(plugins, str(options["model"]), options, device, saved_networks(folder, tag, use_ema=True))


def _from_file(plugins: Plugins, path: Path, device: str) -> BaseModel[Any]:
    architecture = infer_generator(read_weights(path))
    options = {**asdict(architecture), "dropout": bool(architecture.dropout)}
    return _for_inference(plugins, "test", options, device, SavedNetworks(lambda _: path))


def _for_inference(
    plugins: Plugins, name: str, options: Mapping[str, Any], device: str, saved: SavedNetworks
) -> BaseModel[Any]:
    """Create a model from the options that its architecture depends on, and load its networks.

    Other options, such as the precision, are ignored.
    """
    component = plugins.registry("model").get(name)
    owners = [NetworkOptions, Seeded, *([component.config] if component.config else [])]
    known = defaults_of(owners)
    architecture = {option: value for option, value in options.items() if option in known}
    model = create_model(
        plugins, component.name, train=False, device=choose_device(device), check=saved.check, **architecture
    )
    saved.load(model)
    return model
