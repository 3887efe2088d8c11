"""Compares an exported generator with PyTorch, on the same images."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixlate.errors import DataError
from pixlate.inference.exported import Facts
from pixlate.inference.onnx_engine import levels_of
from pixlate.inference.padding import reflect_to
from pixlate.util.sizes import SideRule

from .inputs import sample

LARGEST_SIDE = 512  # pixels: larger images are cropped, so that the comparison stays short
#: What a size is reduced by with processing inside, so that images must be padded.
ODD = (3, 5)
REPEATS = 5  # of which the median is the latency

#: From an image and the further inputs, in the layout of the export, to its output in that layout.
Compute = Callable[[Tensor, Sequence[Tensor]], Tensor]


@dataclass(frozen=True)
class Case:
    """One comparison: an input, and what pixlate makes of it. Tensors in the layout of the export."""

    image: Tensor
    others: tuple[Tensor, ...]
    expected: Tensor


@dataclass(frozen=True)
class Verification:
    """The differences between an export and PyTorch over all cases, in 8-bit levels.

    - psnr: in dB, of levels; infinite where nothing differs.
    - sizes: the widths and heights; images: what they were.
    - seconds: for one image of the first size, by the export and by PyTorch.
    """

    largest: float
    mean: float
    psnr: float
    sizes: tuple[str, ...]
    images: str
    seconds: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for metadata: without latencies, which belong to this machine."""
        return {
            "largest_difference": round(self.largest, 4),
            "mean_difference": round(self.mean, 6),
            "psnr": round(self.psnr, 2) if np.isfinite(self.psnr) else "infinite",
            "unit": "levels of 255",
            "sizes": list(self.sizes),
            "images": self.images,
        }


def cases(facts: Facts, reference: Compute, images: Sequence[Tensor]) -> list[Case]:
    """Batches of one and two images in two sizes, and what PyTorch computes.

    - reference: of `in_layout`.
    - images: two of 1×C×H×W in [-1, 1], of any size.
    """
    result = []
    for size in _sizes(images[0], facts.rule):
        for count in (1, 2):
            image, others = inputs_of(facts, images[:count], size)
            result.append(Case(image, others, reference(image, others)))
    return result


def each_alone(facts: Facts, images: Sequence[Tensor]) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """The inputs for each of several images, as far as their sizes are accepted, in the layout of the export."""
    for image in images:
        yield inputs_of(facts, [image], _sizes(image, facts.rule)[0])


def inputs_of(facts: Facts, images: Sequence[Tensor], size: tuple[int, int]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A batch of images of H×W in the layout of the export, and random further inputs."""
    image = torch.cat([_fitted(image, *size) for image in images])
    random = torch.Generator().manual_seed(0)
    others = tuple(sample(each, len(images), *size, random) for each in facts.inputs)
    if facts.processing:
        image = torch.from_numpy(levels_of(image[..., : size[0] - ODD[0], : size[1] - ODD[1]]))
    return image, others


def in_layout(facts: Facts, reference: Compute) -> Compute:
    """What PyTorch computes, in the layout of an export: of pixels what pixlate writes into a file.

    - reference: takes N×C×H×W in [-1, 1] of accepted sides.
    """
    if not facts.processing:
        return reference

    def of_pixels(pixels: Tensor, others: Sequence[Tensor]) -> Tensor:
        x = pixels.permute(0, 3, 1, 2).float() / 255 * 2 - 1
        height, width = (round(side * facts.output_scale) for side in x.shape[-2:])
        y = reference(reflect_to(x, *map(facts.rule.at_least, x.shape[-2:])), others)[..., :height, :width]
        return ((y + 1) / 2 * 255).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)

    return of_pixels


def compare(compute: Compute, reference: Compute, cases: Sequence[Case], images: str) -> Verification:
    """The differences between an export and PyTorch. Raises DataError where the export gives what is no image."""
    differences = []
    for case in cases:
        output = compute(case.image, case.others)
        if output.shape != case.expected.shape or not torch.isfinite(output.float()).all():
            raise DataError(
                f"the exported generator gives {tuple(output.shape)} with values that are no numbers, or not of the "
                f"shape {tuple(case.expected.shape)}, for an input of {tuple(case.image.shape)}."
            )
        unit = 1 if case.expected.dtype == torch.uint8 else 127.5
        differences.append(((output.double() - case.expected.double()).abs() * unit).flatten())
    levels = torch.cat(differences)
    error = float((levels**2).mean())
    return Verification(
        float(levels.max()),
        float(levels.mean()),
        10 * float(np.log10(255**2 / error)) if error else float("inf"),
        tuple(dict.fromkeys(_size(case.image) for case in cases)),
        images,
        (_seconds(compute, cases[0]), _seconds(reference, cases[0])),
    )


def synthetic_images(channels: int, rule: SideRule, *, one_hot: bool = False) -> list[Tensor]:
    """Two images of smooth random shapes, 1×C×H×W in [-1, 1]; with `one_hot` the channels are those of labels."""
    random = torch.Generator().manual_seed(0)
    side = rule.at_least(64)
    coarse = torch.randn(2, channels, 6, 6, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(-1, 1)
    if one_hot:
        classes = torch.nn.functional.one_hot(smooth.argmax(1), channels).permute(0, 3, 1, 2)
        smooth = classes.float() * 2 - 1
    return [image[None] for image in smooth]


def by_name(facts: Facts, image: Tensor, others: Sequence[Tensor], first: str) -> Mapping[str, NDArray[Any]]:
    """Tensors as the inputs of an ONNX file; `first` is the name of the image."""
    names = (first, *(each.name for each in facts.inputs))
    return {name: np.ascontiguousarray(x.numpy()) for name, x in zip(names, (image, *others), strict=True)}


def _sizes(image: Tensor, rule: SideRule) -> list[tuple[int, int]]:
    """The size of an image, as far as it is accepted, and another one, of which neither side is the same."""
    height, width = (_allowed(side, rule) for side in image.shape[-2:])
    narrower = width - rule.multiple
    return [(height, width), (height + rule.multiple, narrower if rule.fits(narrower) else width + rule.multiple)]


def _allowed(side: int, rule: SideRule) -> int:
    largest = max(LARGEST_SIDE, rule.at_least(1))
    below = min(side, largest) // rule.multiple * rule.multiple
    return max(below, rule.at_least(1))


def _fitted(image: Tensor, height: int, width: int) -> Tensor:
    cropped = image[..., :height, :width]
    return reflect_to(cropped, height, width)


def _size(image: Tensor) -> str:
    sides = image.shape[1:3] if image.dtype == torch.uint8 else image.shape[2:]
    return f"{sides[1]}×{sides[0]}"


def _seconds(compute: Compute, case: Case) -> float:
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        compute(case.image, case.others)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
