"""Metrics of an output and its input: how much was changed, and whether the structure stayed.

They need no ground truth, so that they measure unpaired data too, image by image.
"""

from typing import ClassVar

from torch import Tensor
from torch.nn.functional import normalize

from pixlate.errors import DataError, OptionError
from pixlate.plugins.field import Field

from .base import MetricContext, PairMetric
from .features import EfficientNetLite0, shared_network


class InputMetric(PairMetric):
    """A metric of an output and its input, both images: `values` gets the outputs and the inputs in [0, 1].

    Raises OptionError where one is no image of these channels, DataError where the two have other sizes.

    - channels: the numbers of channels that it takes; empty for any, the same of both.
    - same_size: whether it compares pixels of the same place.
    """

    against = "input"
    channels: ClassVar[tuple[int, ...]] = (1, 3)
    same_size: ClassVar[bool] = True

    def __init__(self, context: MetricContext) -> None:
        super().__init__(context)
        require_comparable(context.input_field, context.field, self.channels)

    def add(self, fake: Tensor, real: Tensor) -> None:
        one, other = (f"{image.shape[-1]} x {image.shape[-2]} pixels" for image in (real, fake))
        if self.same_size and one != other:
            raise DataError(f"a metric of outputs and inputs needs them of one size, not {one} and {other}.")
        super().add(fake, real)


class Change(InputMetric):
    """The mean absolute difference of output and input, from 0 for an output that is its input to 1."""

    channels = ()

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        return (fake - real).abs().mean((1, 2, 3))


class Structure(InputMetric):
    """The distance of the self-similarities of features (Tumanyan et al. 2022), from 0 to 2.

    S_ij is the cosine of the features at the places i and j of one image, and the value is the root mean square of
    S(output) - S(input). Which places resemble each other depends on the layout and hardly on colours. The features are
    those of EfficientNet-Lite0, of layer `EfficientNetLite0.STRUCTURE`, less their mean over the image.
    """

    same_size = False  # the network resizes them

    def __init__(self, context: MetricContext) -> None:
        super().__init__(context)
        network = shared_network(EfficientNetLite0, context)
        assert isinstance(network, EfficientNetLite0)
        self._network = network

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        one, other = (self._self_similarity(image.expand(-1, 3, -1, -1)) for image in (fake, real))
        return (one - other).square().mean((1, 2)).sqrt()

    def _self_similarity(self, images: Tensor) -> Tensor:
        maps = self._network.maps(images).flatten(2)
        directions = normalize(maps - maps.mean(2, keepdim=True), dim=1)
        return directions.transpose(1, 2) @ directions


def require_comparable(given: Field, output: Field, channels: tuple[int, ...] = ()) -> None:
    """Raise OptionError where an output cannot be compared with its input.

    - channels: what either may have; empty for any, the same of both.
    """
    what = "comparing outputs with inputs (change, structure, edges)"
    for name, field in (("input", given), ("output", output)):
        if field.kind != "image":
            raise OptionError(f"{what} needs images on both sides, but the {name} of this run is {field.kind}.")
        if channels and field.channels not in channels:
            allowed = " or ".join(map(str, channels))
            raise OptionError(f"{what} needs {allowed} channels, but the {name} of this run has {field.channels}.")
    if not channels and (given.channels, given.space) != (output.channels, output.space):
        raise OptionError(
            f"{what} needs the same channels on both sides, but the input of this run has {given.channels} and the "
            f"output {output.channels}."
        )


def comparable(given: Field, output: Field) -> bool:
    """Whether the pixels of an output can be compared with those of its input."""
    same = (given.channels, given.space, given.scale) == (output.channels, output.space, output.scale)
    return given.kind == output.kind == "image" and same
