"""Loads a trained model as a Translator, from a run's folder, from one network file, or from a saved Translator."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

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
from pixlate.options.command.stored import FILE as OPTIONS
from pixlate.options.command.stored import StoredRun
from pixlate.options.fields import defaults_of
from pixlate.options.optimisation import Seeded
from pixlate.options.shared import NetworkOptions
from pixlate.plugins.field import directed
from pixlate.plugins.manager import Plugins
from pixlate.util.text import quoted, shown

from .engine import Engine, ModelEngine
from .onnx_engine import onnx_engine
from .pretrained import is_pretrained, pretrained_networks, read_pretrained
from .translator import Origin, Translator

DIRECTIONS = ("AtoB", "BtoA")
STATE = "_state.pt"  # the end of a state file's name, which begins with the tag of its checkpoint
#: Options beside those of the architecture that `save_pretrained` keeps; not the folders and names of a machine.
PORTABLE: tuple[str, ...] = (
    *("model", "direction", "license", "data_origin", "ignore_metadata", "max_image_pixels"),
    *("preprocess", "load_size", "crop_size"),
)


@dataclass(frozen=True)
class Trained:
    """A trained model that is not loaded yet.

    - stored: its options and the fields of its data.
    - networks: opens its networks' weights; generators: the names of the generators among them.
    - place: where it is, for messages.
    """

    stored: StoredRun
    networks: Callable[[], SavedNetworks]
    generators: frozenset[str]
    place: str

    @property
    def direction(self) -> str:
        """The direction that it was trained for."""
        return str(self.stored.options.get("direction", "AtoB"))


def load_translator(
    plugins: Plugins,
    run: str | Path,
    *,
    epoch: str | int,
    device: str,
    direction: str = "",
    running_statistics: bool = False,
) -> Translator:
    """Load a trained model as a Translator.

    - run: a run's folder, of pixlate or of the reference; the name of a run in ./checkpoints; a `*_net_G*.pth` file; a
      folder of `Translator.save_pretrained`; a `*_state.pt` of a run, which stands for its checkpoint; or an ONNX file
      of `pixlate export`.
    - epoch: the checkpoint's tag, such as "latest", 5 or "iter_5000".
    - device: auto, cpu, cuda, cuda:N or mps.
    - direction: "AtoB" or "BtoA", of a model that translates in both; empty for that of the run.
    - running_statistics: batch norm uses its running statistics and dropout is off, as with `--eval`.

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
    if path.name.endswith(STATE) and (path.parent / OPTIONS).is_file():
        path, epoch = path.parent, path.name.removesuffix(STATE)
    if (path.is_file() or is_pretrained(path)) and str(epoch) != "latest":
        raise OptionError(f"{quoted(path)} is one checkpoint, and has no {shown(str(epoch))!r}: omit the epoch.")
    if path.is_file() and path.suffix.lower() in (".onnx", ".pt2"):
        return _exported(path, device, direction, running_statistics, str(run))
    if path.is_file():
        if direction:
            raise OptionError(f"{quoted(path)} is one generator, whose direction is its own: omit direction.")
        trained = _of_file(path)
    elif not path.is_dir():
        raise CheckpointError(f"there is no run folder or checkpoint file '{run}'.")
    elif is_pretrained(path):
        stored, names = read_pretrained(path)
        trained = Trained(stored, lambda: pretrained_networks(path), names, str(path))
    else:
        trained = _of_folder(plugins, path, str(epoch))
    return _translator(plugins, trained, device, direction or trained.direction, running_statistics, str(run))


def _of_file(path: Path) -> Trained:
    architecture = infer_generator(read_weights(path))
    options = {"model": "test", **asdict(architecture), "dropout": bool(architecture.dropout)}
    return Trained(StoredRun(options), lambda: SavedNetworks(lambda _: path), frozenset({"G"}), str(path))


def _of_folder(plugins: Plugins, folder: Path, tag: str) -> Trained:
    stored = read_run_options(folder, declared_options(plugins))
    files = sorted(folder.glob(f"{tag}_net_G*.pth"))
    if stored is None or str(stored.options.get("model")) not in plugins.registry("model"):
        # Without options, a generator's file suffices. If options are stored, their model must be installed, because
        # its images may differ from those of the generator alone.
        if (not stored or stored.is_listing) and files:
            return replace(_of_file(files[0]), place=str(folder))
        if stored is None:
            raise CheckpointError(f"'{folder}' has neither the options of a run nor a file '{tag}_net_G*.pth'.")
    names = frozenset(path.name.removeprefix(f"{tag}_net_").removesuffix(".pth") for path in files)
    return Trained(stored, lambda: saved_networks(folder, tag, use_ema=True), names, str(folder))


def _translator(
    plugins: Plugins, trained: Trained, device: str, direction: str, running_statistics: bool, source: str
) -> Translator:
    if direction != trained.direction:
        trained = replace(trained, stored=_other_direction(trained, direction))
    stored = trained.stored
    _require_model(plugins, stored, trained.place)
    model, used = _for_inference(plugins, trained, device)
    portable = {name: stored.options[name] for name in PORTABLE if name in stored.options}
    engine = ModelEngine(
        model,
        load=trained.networks().load if model.is_prepared_by_data else None,
        running_statistics=running_statistics,
    )
    return _with_reading(engine, Origin(source, replace(stored, options={**used, **portable})))


def _with_reading(engine: Engine, origin: Origin) -> Translator:
    """A Translator that reads images as those of the training were read."""
    stored = origin.stored
    side = "A" if origin.direction == "AtoB" else "B"
    pixels = stored.options.get("max_image_pixels", Reading.max_pixels)
    if pixels is not None and (type(pixels) is not int or pixels < 1):
        raise CheckpointError(f"the option max_image_pixels of '{origin.source}' is {shown(str(pixels))!r}.")
    return Translator(
        engine,
        reading=Reading(bool(stored.options.get("ignore_metadata")), pixels),
        value_range=read_ranges(stored.value_ranges).get(side),
        origin=origin,
    )


def _exported(path: Path, device: str, direction: str, running_statistics: bool, source: str) -> Translator:
    """An exported file, whose direction and mode were chosen when it was exported."""
    if path.suffix.lower() == ".pt2":
        raise CheckpointError(
            f"{quoted(path)} is a file of torch.export, which is not loaded, because loading it can execute code in "
            "it: load the run, or an export to ONNX or safetensors."
        )
    engine = onnx_engine(path, device)
    facts = engine.facts
    if direction not in ("", facts.direction):
        raise OptionError(f"{quoted(path)} translates {facts.direction} alone: omit direction.")
    if running_statistics and facts.norm_statistics == "image":
        raise OptionError(
            f"{quoted(path)} was exported with the statistics of each image: export it with --norm_statistics running."
        )
    return _with_reading(engine, Origin(source, facts.stored))


def _other_direction(trained: Trained, direction: str) -> StoredRun:
    """The options of the generator of the other direction alone: G_B of a model that has one."""
    if "G_B" not in trained.generators or trained.stored.options.get("model") == "test":
        raise OptionError(
            f"{quoted(trained.place)} does not translate {direction}: it has no network 'G_B', the generator of the "
            "other direction."
        )
    options = trained.stored.options
    swapped = {
        "model": "test",
        "model_suffix": "_B",
        "direction": direction,
        "input_nc": options.get("output_nc", 3),
        "output_nc": options.get("input_nc", 3),
    }
    components = {option: names for option, names in trained.stored.components.items() if option != "model"}
    return replace(trained.stored, options={**options, **swapped}, components=components, fields={})


def _require_model(plugins: Plugins, stored: StoredRun, place: str) -> None:
    """Raise CheckpointError where the model of a run is not installed."""
    name = stored.options.get("model")
    if str(name) in plugins.registry("model"):
        return
    component = stored.components.get("model")
    missing = missing_plugin(plugins, "model", component, stored.plugin_files) if component else None
    raise CheckpointError(str(missing) if missing else f"the model '{name}' of '{place}' is not installed.")


def _for_inference(plugins: Plugins, trained: Trained, device: str) -> tuple[BaseModel[Any], dict[str, Any]]:
    """Create a model from the options that its architecture depends on, and load its networks; the options too.

    Other options, such as the precision, are ignored.
    """
    stored, saved = trained.stored, trained.networks()
    component = plugins.registry("model").get(str(stored.options["model"]))
    owners = [NetworkOptions, Seeded, *([component.config] if component.config else [])]
    known = defaults_of(owners)
    architecture = {option: value for option, value in stored.options.items() if option in known}
    model = create_model(
        plugins,
        component.name,
        train=False,
        device=choose_device(device),
        fields=directed(stored.read_fields(), trained.direction) or None,
        check=saved.check,
        **architecture,
    )
    saved.load(model)
    return model, architecture
