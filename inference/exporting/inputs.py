"""The inputs that a model needs for a translation beside the image: masks, numbers, classes, noise."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pixlate.errors import DataError, PixlateError
from pixlate.inference.exported import FurtherInput
from pixlate.models.base import BaseModel
from pixlate.models.networks.mode import InferenceMode, set_inference_mode
from pixlate.plugins.component import cause_of
from pixlate.plugins.field import Field
from pixlate.util.sizes import SideRule

NOISE = "z"  # the name of the input, of the first one where a model draws noise several times


def sample(each: FurtherInput, n: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Random values of an input for n images."""
    if each.kind == "category":
        return torch.randint(each.classes, (n,), generator=generator)
    sides = {"height": height, "width": width}
    shape = [sides[side] if isinstance(side, str) else side for side in each.shape]
    if each.kind == "image":
        return torch.rand(n, *shape, generator=generator) * 2 - 1
    return torch.randn(n, *shape, generator=generator)


def values_by_name(inputs: Sequence[FurtherInput], values: Sequence[Tensor]) -> dict[str, Tensor]:
    """The part of a batch that further inputs are; noise is not in it, because models draw it."""
    return {each.name: value for each, value in zip(inputs, values, strict=True) if each.kind != "noise"}


class Examination(NamedTuple):
    """What a translation by a model needs.

    - inputs: those on which the output depends beside A: fields of the data, and noise.
    - output_nc: the channels of the output; used: the names of the networks that compute it.
    """

    inputs: tuple[FurtherInput, ...]
    output_nc: int
    used: frozenset[str]


def examined(model: BaseModel[Any]) -> Examination:
    """What a translation needs, found by translating a small random image with and without each input.

    Raises DataError if the model cannot translate.
    """
    rule = SideRule.of(model.networks.values())
    height = rule.at_least(8)
    width = rule.at_least(height + 1)
    random = torch.Generator().manual_seed(0)
    A = torch.rand(1, model.shared.input_nc, height, width, generator=random) * 2 - 1
    fields = model.context.fields or {}
    candidates = [_of_field(name, field) for name, field in fields.items() if name.partition("_")[0] not in ("A", "B")]
    values = {each.name: _typical(each, height, width, random) for each in candidates}
    noises: list[tuple[int, ...]] = []
    used: set[str] = set()
    try:
        with _calls_noted(model, used):
            output = _output(model, {"A": A, **values}, noises)
    except Exception as error:
        raise _cannot(error) from error
    needed = [each for each in candidates if _depends(model, {"A": A, **values}, each.name, output)]
    return Examination((*needed, *_of_noise(noises, height, width)), output.shape[1], frozenset(used))


@contextmanager
def _calls_noted(model: BaseModel[Any], used: set[str]) -> Iterator[None]:
    """Within this block the names of the networks that are called are added to `used`."""
    nets = {**model.nets, **model.frozen_nets}
    with ExitStack() as hooks:
        for name, net in nets.items():
            # Evaluation mode shares the hooks of a module.
            handle = (net.ema or net.module).register_forward_pre_hook(lambda *_, name=name: used.add(name))
            hooks.callback(handle.remove)
        yield


def _of_field(name: str, field: Field) -> FurtherInput:
    if field.is_spatial:
        return FurtherInput(name, "image", (field.tensor_channels, "height", "width"))
    if field.kind == "category":
        return FurtherInput(name, "category", classes=field.classes)
    return FurtherInput(name, "scalar")


def _of_noise(shapes: Sequence[tuple[int, ...]], height: int, width: int) -> list[FurtherInput]:
    inputs = []
    for number, shape in enumerate(shapes, start=1):
        named: tuple[int | str, ...] = shape
        if len(shape) == 3 and shape[1:] == (height, width):
            named = (shape[0], "height", "width")
        inputs.append(FurtherInput(NOISE if number == 1 else f"{NOISE}{number}", "noise", named))
    return inputs


def _typical(each: FurtherInput, height: int, width: int, random: torch.Generator) -> Tensor:
    """Values that differ from those which a model assumes where there are none."""
    if each.kind == "category":
        return torch.full((1,), each.classes - 1)
    return sample(each, 1, height, width, random)


def _depends(model: BaseModel[Any], batch: Mapping[str, Any], name: str, output: Tensor) -> bool:
    """Whether the output is another one, or none, without a field of the batch."""
    try:
        without = _output(model, {other: value for other, value in batch.items() if other != name}, [])
    except Exception:
        return True
    return not torch.equal(without, output)


def _output(model: BaseModel[Any], batch: Mapping[str, Any], noises: list[tuple[int, ...]]) -> Tensor:
    """The output for a batch; the shapes of the noise that is drawn are added to `noises`."""
    drawn = model.noise

    def recorded(batch: Mapping[str, Any], *shape: int) -> Tensor:
        noises.append(shape)
        return torch.zeros(1, *shape)

    model.noise = recorded  # type: ignore[method-assign]
    try:
        with torch.no_grad(), set_inference_mode(InferenceMode(dropout=False)):
            return model.output(model.directed(batch))
    finally:
        model.noise = drawn  # type: ignore[method-assign]


def _cannot(error: Exception) -> PixlateError:
    return DataError(f"the model cannot be exported, because it cannot translate a random image: {cause_of(error)}.")
