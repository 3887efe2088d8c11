"""The image 'change' of a test: where the output differs from its input, and how much."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pixlate.data.field_values import CHANGE
from pixlate.errors import DataError, OptionError
from pixlate.metrics.images import input_of, output_of
from pixlate.metrics.inputs import comparable
from pixlate.plugins.field import Field

LARGEST = 0.5  # of the differences of values from 0 to 1; larger ones look the same
SCALE = (
    f"difference of output and input, of values from 0 to 1: black 0, red {LARGEST / 3:.2g}, yellow "
    f"{2 * LARGEST / 3:.2g}, white {LARGEST:g} or more"
)


def require_change(fields: Mapping[str, Field]) -> None:
    """Raise OptionError where outputs and inputs are known not to have the same channels and size."""
    if not comparable(fields.get("A", Field()), fields.get("B") or fields.get("A", Field())):
        raise OptionError(
            "--change_map shows where outputs differ from their inputs: both must be images of the same channels and "
            "size, which those of this run are not."
        )


def with_change(images: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The images of a batch and, after them, that of the change."""
    fake, given = output_of(images), input_of(images)
    if fake.shape != given.shape:
        raise DataError(
            f"--change_map needs outputs of the size of the inputs, {given.shape[-1]} x {given.shape[-2]} pixels and "
            f"{given.shape[1]} channels, not {fake.shape[-1]} x {fake.shape[-2]} and {fake.shape[1]}."
        )
    return {**images, CHANGE: change_map(fake, given)}


def change_map(fake: Tensor, given: Tensor) -> Tensor:
    """N×3×H×W colours in [-1, 1] for the mean absolute difference of the channels of two N×C×H×W images in [-1, 1].

    Red rises first, then green, then blue, so that a larger difference is always a lighter colour.
    """
    difference = (fake.float() - given.float()).abs().mean(1) / 2
    position = (difference / LARGEST).clamp(0, 1) * 3
    return torch.stack([(position - channel).clamp(0, 1) for channel in range(3)], 1) * 2 - 1
