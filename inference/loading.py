"""Loads a trained model as a Translator, from a run's folder or from one network file."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from pixlate.data.reading import Reading
from pixlate.data.value_range import read_ranges
from pixlate.errors import CheckpointError, OptionError
from pixlate.models.base import BaseModel
from pixlate.models.create import create_model
from pixlate.models.execution.device import choose_device
from pixlate.models.networks.architecture import infer_generator
from pixlate.models.weights import SavedNetworks, check_tag, read_weights, saved_networks
from pixlate.options.command.hints import missing_plugin
from pixlate.options.command.listing import read_run_options
from pixlate.options.command.parser import declared_options
from pixlate.options.command.stored import StoredRun
from pixlate.options.fields import defaults_of
from pixlate.options.optimisation import Seeded
from pixlate.options.shared import NetworkOptions
from pixlate.plugins.field import Field, directed
from pixlate.plugins.manager import Plugins
from pixlate.util.text import quoted

from .translator import Translator

DIRECTIONS = ("AtoB", "BtoA")


def load_translator(
    plugins: Plugins, run: str | Path, *, epoch: str | int, device: str, direction: str = ""
) -> Translator:
    """Load a trained model as a Translator.

    - run: a run's folder, of pixlate or of the reference; the name of a run in ./checkpoints; or a `*_net_G*.pth` file.
    - epoch: the checkpoint's tag, such as "latest", 5 or "iter_5000".
    - device: auto, cpu, cuda, cuda:N or mps.
    - direction: "AtoB" or "BtoA", of a model that translates in both; empty for that of the run.

    The options of a reference run are read from its train_opt.txt. Those of a single file are inferred from the names
    and shapes of its tensors, which for a U-Net do not tell whether it has dropout: it is off then.
    Computes in float32.

    Raises CheckpointError if the checkpoint is missing, damaged, or of an unknown architecture, OptionError if `epoch`
    is no tag, or for a direction in which the model does not translate.
    """
    path = Path(run).expanduser()
    check_tag(str(epoch))
    if direction not in ("", *DIRECTIONS):
        raise OptionError(f"direction is {direction!r}, and must be 'AtoB' or 'BtoA'.")
    if not path.exists() and (Path("checkpoints") / path).is_dir():
        path = Path("checkpoints") / path
    if path.is_file():
        if direction:
            raise OptionError(f"{quoted(path)} is one generator, whose direction is its own: omit direction.")
        return Translator(_from_file(plugins, path, device), source=str(run))
    if not path.is_dir():
        raise CheckpointError(f"there is no run folder or checkpoint file '{run}'.")
    return _from_folder(plugins, _Saved(path, str(epoch)), device, direction, source=str(run))


class _Saved(NamedTuple):
    """A run's folder, and the tag of its checkpoint."""

    folder: Path
    tag: str


def _from_folder(plugins: Plugins, saved: _Saved, device: str, direction: str, source: str) -> Translator:
    stored = read_run_options(saved.folder, declared_options(plugins))
    options = stored.options if stored else {}
    own_direction = str(options.get("direction", "AtoB"))
    load: Callable[[BaseModel[Any]], None] | None = None
    if direction and direction != own_direction:
        model = _other_direction(plugins, saved, device, direction, options)
    else:
        model = _own_direction(plugins, saved, device, stored)
        if model.is_prepared_by_data:
            load = saved_networks(saved.folder, saved.tag, use_ema=True).load
    side = "A" if (direction or own_direction) == "AtoB" else "B"
    pixels = options.get("max_image_pixels", Reading.max_pixels)
    return Translator(
        model,
        reading=Reading(bool(options.get("ignore_metadata")), pixels if isinstance(pixels, int) else None),
        value_range=read_ranges(stored.value_ranges).get(side) if stored else None,
        source=source,
        direction=direction or own_direction,
        load=load,
    )


def _other_direction(
    plugins: Plugins, saved: _Saved, device: str, direction: str, options: Mapping[str, Any]
) -> BaseModel[Any]:
    """The generator of the other direction: G_B of a model that has one."""
    if not (saved.folder / f"{saved.tag}_net_G_B.pth").is_file():
        raise OptionError(
            f"{quoted(saved.folder)} does not translate {direction}: it has no file '{saved.tag}_net_G_B.pth', the "
            "generator of the other direction."
        )
    swapped = {
        "model_suffix": "_B",
        "input_nc": options.get("output_nc", 3),
        "output_nc": options.get("input_nc", 3),
    }
    networks = saved_networks(saved.folder, saved.tag, use_ema=True)
    return _for_inference(plugins, "test", {**options, **swapped}, device, networks)


def _own_direction(plugins: Plugins, saved: _Saved, device: str, stored: StoredRun | None) -> BaseModel[Any]:
    folder, tag = saved
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
    fields = directed(stored.read_fields() if stored else {}, str(options.get("direction", "AtoB")))
    networks = saved_networks(folder, tag, use_ema=True)
    return _for_inference(plugins, str(options["model"]), options, device, networks, fields)


def _from_file(plugins: Plugins, path: Path, device: str) -> BaseModel[Any]:
    architecture = infer_generator(read_weights(path))
    options = {**asdict(architecture), "dropout": bool(architecture.dropout)}
    return _for_inference(plugins, "test", options, device, SavedNetworks(lambda _: path))


def _for_inference(
    plugins: Plugins,
    name: str,
    options: Mapping[str, Any],
    device: str,
    saved: SavedNetworks,
    fields: Mapping[str, Field] | None = None,
) -> BaseModel[Any]:
    """Create a model from the options that its architecture depends on, and load its networks.

    Other options, such as the precision, are ignored.
    """
    component = plugins.registry("model").get(name)
    owners = [NetworkOptions, Seeded, *([component.config] if component.config else [])]
    known = defaults_of(owners)
    architecture = {option: value for option, value in options.items() if option in known}
    model = create_model(
        plugins,
        component.name,
        train=False,
        device=choose_device(device),
        fields=fields or None,
        check=saved.check,
        **architecture,
    )
    saved.load(model)
    return model
