"""What is measured of a training to see whether it goes wrong: numbers from losses, images and optimizers.

None of them changes the model, nor any random generator. Images are N×C×H×W in [-1, 1].
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.optim import Optimizer

from pixlate.metrics.gauge import Gauge, colour_distance, histograms
from pixlate.metrics.images import has_input, has_output, has_truth, input_of, output_of, truth_of
from pixlate.models.base import BaseModel

Images = Mapping[str, Tensor]

GUESSING = {"vanilla": math.log(2), "lsgan": 0.25, "hinge": 1.0}  # D's loss where it cannot tell images apart
SMALL = 16  # the side of the copies whose differences are the variety, in pixels
NOISE = 0.02  # standard deviation of the noise that a hidden signal does not survive: 2.5 of 255 levels
LATTICE = (2, 4)  # periods of checkerboards, in pixels: of one and two layers of stride 2
MIN_SIDE = 32  # pixels of images in whose spectrum lattices are sought
FLAT = 1e-3  # a standard deviation below which an image has no structure to be compared


def discriminator_loss(losses: Iterable[Mapping[str, float]], gan_mode: str) -> float | None:
    """The mean of D's losses, as a share of its loss when it is guessing; None for losses without such a value."""
    guessing = GUESSING.get(gan_mode)
    values = [value for each in losses for name, value in each.items() if name.split("_")[0] == "D"]
    if guessing is None or not values or not all(map(math.isfinite, values)):
        return None
    return sum(values) / len(values) / guessing


def gradient_size(optimizers: Iterable[Optimizer]) -> float | None:
    """The smallest root mean square of an optimizer's recent gradients, by Adam's second moments; None without them."""
    found = []
    for optimizer in optimizers:
        moments = [state["exp_avg_sq"] for state in optimizer.state.values() if "exp_avg_sq" in state]
        count = sum(each.numel() for each in moments)
        if count:
            found.append(math.sqrt(float(torch.stack([each.sum() for each in moments]).sum()) / count))
    return min(found, default=None)


def nonfinite_share(samples: Sequence[Images]) -> float | None:
    """The share of the outputs' values that are NaN or infinite."""
    outputs = [output_of(images) for images in samples if has_output(images)]
    return float(torch.cat([(~each.isfinite()).float().flatten() for each in outputs]).mean()) if outputs else None


def variety(samples: Sequence[Images]) -> float | None:
    """How much outputs of different inputs differ, as a share of how much the inputs do; None for fewer than three."""
    both = [images for images in samples if has_output(images) and has_input(images)]
    if len(both) < 3:
        return None
    given = _differences([input_of(images) for images in both])
    return _differences([output_of(images) for images in both]) / given if given > 1e-3 else None


def translated_share(samples: Sequence[Images], *, paired: bool) -> float | None:
    """How much outputs differ from their inputs, as a share of how much they have to; None where that is unknown."""
    gauge = Gauge()
    for images in samples:
        if has_output(images) and has_input(images) and has_truth(images):
            gauge.add(output_of(images), input_of(images), truth_of(images), paired=paired)
    found = gauge.result()
    return found.change / found.needed if found and found.needed > 0.01 else None


def brightness_correlation(samples: Sequence[Images], *, paired: bool) -> float | None:
    """The correlation of the outputs' brightness with that of the ground truth, or of the inputs; from -1 to 1."""
    found = []
    for images in samples:
        other = truth_of if paired and has_truth(images) else input_of
        if has_output(images) and (has_truth(images) if paired else has_input(images)):
            pair = [_small(each).flatten(1) for each in (output_of(images), other(images))]
            one, two = (each - each.mean(1, keepdim=True) for each in pair)
            sizes = one.norm(dim=1), two.norm(dim=1)
            if all(bool((size > FLAT * SMALL).all()) for size in sizes):
                found.append(float(((one * two).sum(1) / (sizes[0] * sizes[1])).mean()))
    return sum(found) / len(found) if found else None


def colour_gap(samples: Sequence[Images]) -> float | None:
    """The distance of the colours of all outputs from those of all real images of the target, from 0 to 1."""
    both = [(output_of(i), truth_of(i)) for i in samples if has_output(i) and has_truth(i)]
    both = [(fake, real) for fake, real in both if fake.shape[1] == real.shape[1]]
    if not both:
        return None
    fake, real = (sum(histograms(each) for each in side) for side in zip(*both, strict=True))
    return colour_distance(fake, real)  # type: ignore[arg-type]


def checkerboard(samples: Sequence[Images]) -> float | None:
    """How much the outputs' spectrum has of patterns of 2 and 4 pixels, as a multiple of the real images' share."""
    fakes = [output_of(images) for images in samples if has_output(images)]
    reals = [truth_of(images) for images in samples if has_truth(images)]
    if not fakes or not reals or min(fakes[0].shape[-2:]) < MIN_SIDE:
        return None
    found, expected = (sum(map(_lattice_share, images)) / len(images) for images in (fakes, reals))
    return found / max(expected, 1.0)


def hidden_signal(model: BaseModel[Any], samples: Sequence[Images]) -> float | None:
    """How many times as wrong a reconstruction is when its image gets a little noise; None without reconstructions.

    A generator that hides its input in the output, in a pattern that cannot be seen (Chu et al. 2017), reconstructs
    from that pattern, which noise destroys.
    """
    clean, noisy = 0.0, 0.0
    generator = torch.Generator().manual_seed(0)
    for images in samples:
        if not {"real_A", "fake_B", "rec_A"} <= images.keys():
            return None
        given, fake = images["real_A"], images["fake_B"]
        noise = NOISE * torch.randn(fake.shape, generator=generator)
        again = model.translate(_as_target(model, given, (fake + noise).clamp(-1, 1))).get("fake_A")
        if again is None or again.shape != given.shape:
            return None
        clean += float((images["rec_A"] - given).abs().mean())
        noisy += float((again.float().cpu() - given).abs().mean())
    return noisy / max(clean, FLAT) if samples else None


def _as_target(model: BaseModel[Any], given: Tensor, fake: Tensor) -> dict[str, Any]:
    """A batch in which a translated image is the one to be translated back."""
    sides = ("B", "A") if model.shared.direction == "BtoA" else ("A", "B")
    return {sides[0]: given, sides[1]: fake, "A_paths": ["health"], "B_paths": ["health"]}


def _differences(images: Sequence[Tensor]) -> float:
    """The mean absolute difference of small copies of all pairs of images."""
    small = torch.cat([_small(each) for each in images])
    pairs = [float((a - b).abs().mean()) for i, a in enumerate(small) for b in small[:i]]
    return sum(pairs) / len(pairs)


def _small(images: Tensor) -> Tensor:
    """N×SMALL×SMALL grey copies."""
    grey = images.float().nan_to_num().mean(1, keepdim=True)
    return interpolate(grey, (SMALL, SMALL), mode="area")[:, 0]


def _lattice_share(images: Tensor) -> float:
    """The largest of the spectrum's values at the frequencies of LATTICE, as a multiple of those beside it."""
    grey = images.float().nan_to_num().mean(1)
    grey = grey[:, : grey.shape[1] // 4 * 4, : grey.shape[2] // 4 * 4]
    if float(grey.std()) < FLAT:
        return 0.0
    windows = [torch.hann_window(size, periodic=False) for size in grey.shape[1:]]
    weighted = (grey - grey.mean((1, 2), keepdim=True)) * windows[0][:, None] * windows[1]
    spectrum = torch.fft.fft2(weighted).abs().mean(0)
    height, width = spectrum.shape
    # Beside means along the axis on which a frequency lies: edges make the axes larger than the rest of a spectrum.
    lines = [(spectrum, height, width), (spectrum.T, width, height)]
    return max(
        _peak(lined, rows // period, column)
        for period in LATTICE
        for lined, rows, columns in lines
        for column in (0, columns // period)
    )


def _peak(spectrum: Tensor, row: int, column: int) -> float:
    """The largest value near a place, as a multiple of the median of those further above and below it."""
    columns = torch.arange(column - 1, column + 2) % spectrum.shape[1]
    near = spectrum[torch.arange(row - 1, row + 2) % spectrum.shape[0]][:, columns]
    beside = [torch.arange(row - 8, row - 2), torch.arange(row + 3, row + 9)]
    rest = spectrum[torch.cat(beside) % spectrum.shape[0]][:, columns]
    return float(near.max() / rest.median().clamp(min=1e-9))
