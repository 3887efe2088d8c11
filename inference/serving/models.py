"""The models that a server translates with: each run in its directions and modes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from pixlate.data.field_values import EIGHT_BIT, field_of
from pixlate.errors import CheckpointError, OptionError, PixlateError, did_you_mean
from pixlate.inference.engine import ModelEngine
from pixlate.inference.loading import DIRECTIONS, load_translator
from pixlate.inference.translator import Translator
from pixlate.plugins.field import Field
from pixlate.plugins.manager import Plugins
from pixlate.util.html import visible
from pixlate.util.names import safe_name
from pixlate.util.sizes import SideRule
from pixlate.util.text import one_line, quoted

from .images import input_palette
from .limits import Limits
from .problems import Problem


@dataclass(frozen=True)
class Values:
    """What the images on one side of a model are.

    - kind: image, labels or mask; channels; dtype: the type of their values in files, by NumPy's name.
    - names: of the classes of labels, where they have any; palette: the colours in which they are drawn.
    """

    kind: str
    channels: int
    dtype: str
    names: Sequence[str] = ()
    palette: Sequence[tuple[int, int, int]] = ()


@dataclass(frozen=True)
class Direction:
    """One direction of a model.

    - input, output: what its images are.
    - multiple, minimum: the sides that the network takes; other images are padded, and their results cropped.
    - output_scale: pixels of the output per pixel of the input, as "2" or "1/2".
    - running_statistics: whether `eval` may be given. It makes a difference for batch norm and dropout.
    - sha256: a digest of its weights, which every answer tells.
    """

    direction: str
    input: Values
    output: Values
    multiple: int
    minimum: int
    output_scale: str
    running_statistics: bool
    sha256: str


@dataclass(frozen=True)
class ModelInfo:
    """A model: its name in addresses, and its directions, of which the first is its own.

    - model, network: as in --model and --netG; parameters: the number of its weights.
    - license, data_origin: of the weights and of the training data; empty where they are unknown.
    """

    name: str
    model: str
    network: str
    parameters: int
    device: str
    license: str
    data_origin: str
    directions: Sequence[Direction]


@dataclass(frozen=True)
class Served:
    """A run, loaded: a Translator for each direction, without and with running statistics."""

    info: ModelInfo
    translators: Mapping[tuple[str, bool], Translator] = field(default_factory=dict)

    def translator(self, direction: str, evaluate: bool) -> Translator:
        """The one for a request. Raises Problem where there is none."""
        known = [each.direction for each in self.info.directions]
        found = self.translators.get((direction or known[0], evaluate))
        if found:
            return found
        if direction and direction not in known:
            reason = f"The model '{self.info.name}' translates {' and '.join(known)}, not '{visible(direction[:20])}'."
            raise Problem(400, "direction", reason)
        raise Problem(400, "eval", f"The model '{self.info.name}' has one mode: omit eval.")

    def digest(self, direction: str) -> str:
        """That of the weights of a direction."""
        known = {each.direction: each.sha256 for each in self.info.directions}
        return known[direction or next(iter(known))]


def load_models(plugins: Plugins, runs: Sequence[str], *, epoch: str, device: str) -> dict[str, Served]:
    """The models of runs by their names in addresses, which are those of the folders, numbered where they are equal.

    Raises CheckpointError and OptionError as `pixlate.load` does, CheckpointError for a model that does not translate
    an image alone.
    """
    models: dict[str, Served] = {}
    for run in runs:
        base = safe_name(visible(Path(run).expanduser().resolve().name)) or "model"
        number = next(n for n in range(1, len(runs) + 1) if _numbered(base, n) not in models)
        name = _numbered(base, number)
        models[name] = _served(plugins, run, name, epoch, device)
    return models


def require_room(models: Mapping[str, Served], limits: Limits) -> None:
    """Raise OptionError where the limit of pixels is below the smallest image that a model takes."""
    for served in models.values():
        for direction in served.info.directions:
            side = SideRule(direction.multiple, direction.minimum).at_least(1)
            if side**2 > limits.max_pixels:
                raise OptionError(
                    f"--max_pixels is {limits.max_pixels}, but the model '{served.info.name}' translates images of at "
                    f"least {side} x {side} pixels."
                )


def find(models: Mapping[str, Served], name: str) -> Served:
    """The model of that name. Raises Problem."""
    if name not in models:
        reason = f"There is no model '{visible(name[:100])}'.{did_you_mean(name[:100], models)}"
        raise Problem(404, "unknown_model", reason)
    return models[name]


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _served(plugins: Plugins, run: str, name: str, epoch: str, device: str) -> Served:
    own = load_translator(plugins, run, epoch=epoch, device=device)
    found = {own.origin.direction: own}
    for other in DIRECTIONS:
        if other not in found:
            try:
                found[other] = load_translator(plugins, run, epoch=epoch, device=device, direction=other)
            except OptionError:  # it translates in one direction alone
                continue
    translators: dict[tuple[str, bool], Translator] = {}
    for direction, translator in found.items():
        _try(translator, run)
        translators[direction, False] = translator
        if isinstance(translator.engine, ModelEngine):  # the same weights in both modes
            running = ModelEngine(translator.engine.model, running_statistics=True)
            translators[direction, True] = Translator(
                running, reading=translator.reading, value_range=translator.value_range, origin=translator.origin
            )
    engine = own.engine
    info = ModelInfo(
        name=name,
        model=engine.name,
        network=engine.network,
        parameters=engine.parameters,
        device=engine.device,
        license=own.origin.license,
        data_origin=own.origin.data_origin,
        directions=[_direction(way, each, (way, True) in translators) for way, each in found.items()],
    )
    return Served(info, translators)


def _try(translator: Translator, run: str) -> None:
    """Translate one small image: the first takes longer, and builds the networks that depend on data."""
    shape = (1, translator.engine.channels[0], 8, 8)
    try:
        translator.tensor(torch.zeros(shape), names=[""])
    except PixlateError:
        raise
    except Exception as error:  # of a plugin's model: it may need more than an image
        raise CheckpointError(f"{quoted(run)} does not translate an image alone ({one_line(error)}).") from error


def _direction(direction: str, translator: Translator, modes: bool) -> Direction:
    engine = translator.engine
    sides = engine.sides()
    given, made = engine.channels
    return Direction(
        direction,
        _values(engine.fields.get("A", EIGHT_BIT), given),
        _values(field_of("fake_B", engine.fields), made),
        sides.multiple,
        sides.minimum,
        str(engine.output_scale),
        modes,
        engine.digest,
    )


def _values(values: Field, channels: int) -> Values:
    return Values(values.kind, channels, values.dtype, list(values.names), list(input_palette(values)))
