"""The measure of seams, on images with seams made for it."""

import numpy as np
import pytest

from pixlate.errors import DataError
from pixlate.inference.tiling.seams import seam_measure

BORDERS = [64, 128, 192]


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(128, 20, (256, 256, 3))


def test_an_image_without_seams_measures_one() -> None:
    assert seam_measure(noise(), BORDERS, BORDERS) == pytest.approx(1, abs=0.05)
    assert seam_measure(noise(), BORDERS, BORDERS, gap=16, width=8) == pytest.approx(1, abs=0.2)
    assert seam_measure(np.full((256, 256), 7), BORDERS, BORDERS) == 1


def test_a_step_between_tiles_is_measured_in_units_of_the_image() -> None:
    image = np.tile(np.arange(256.0), (256, 1)) + np.arange(256.0)[:, None]  # changes by 1 everywhere
    for number, border in enumerate(BORDERS):
        image[:, border:] += 9 * (-1) ** number
    assert seam_measure(image, [], BORDERS) == pytest.approx((10 + 8 + 10) / 3)
    assert seam_measure(image, BORDERS, []) == pytest.approx(1)


def test_a_difference_of_colour_that_noise_hides_is_found_by_larger_squares() -> None:
    image = noise()
    image[:, 64:128] += 8
    image[:, 192:] += 8
    assert seam_measure(image, [], BORDERS) < 1.2
    assert seam_measure(image, [], BORDERS, width=16) > 4


def test_a_blended_difference_is_found_across_the_overlap() -> None:
    ramp = np.clip((np.arange(256) - 112) / 32, 0, 1) * 10
    image = noise() + ramp[:, None, None]
    assert seam_measure(image, [128], [], width=16, gap=32) > 5


def test_without_borders_there_is_no_measure() -> None:
    with pytest.raises(DataError, match="there are none"):
        seam_measure(noise(), [], [])
    with pytest.raises(DataError, match="there are none"):
        seam_measure(noise(), [1], [], width=40)
