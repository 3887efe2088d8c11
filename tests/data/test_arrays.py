"""Arrays become images of the same values, or are refused in a sentence."""

from typing import Any

import numpy as np
import pytest

from pixlate.data.arrays import image_of_array
from pixlate.errors import DataError


@pytest.mark.parametrize(("shape", "mode"), [((3, 4), "L"), ((3, 4, 1), "L"), ((3, 4, 3), "RGB"), ((3, 4, 4), "RGBA")])
def test_8_bit_integers_are_kept(shape: tuple[int, ...], mode: str) -> None:
    values = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    image = image_of_array(values)
    assert image.mode == mode
    assert np.array_equal(np.asarray(image), values.squeeze())


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.float32])
def test_grey_values_of_other_types_are_kept(dtype: Any) -> None:
    values = np.array([[0, 1, 1000], [7, 255, 30000]], dtype)
    for array in (values, values[..., None]):
        assert np.array_equal(np.asarray(image_of_array(array)), values)


def test_grey_integers_beyond_32_bits_become_the_largest() -> None:
    image = np.asarray(image_of_array(np.array([[-(2**40), 5, 2**40]])))
    assert image.tolist() == [[-(2**31), 5, 2**31 - 1]]


def test_true_is_white() -> None:
    assert np.asarray(image_of_array(np.array([[True, False]]))).tolist() == [[255, 0]]


def test_colours_are_fractions_or_levels() -> None:
    fractions = np.array([[[0.0, 0.5, 1.0]]], np.float32)
    for values in (fractions, 255 * fractions):
        low, middle, high = np.asarray(image_of_array(values))[0, 0].tolist()
        assert (low, high) == (0, 255)
        assert abs(middle - 127.5) < 1


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.zeros(4, np.uint8), "an array of 4 is no image"),
        (np.zeros((1, 2, 3, 3), np.uint8), "an array of 1 x 2 x 3 x 3 is no image"),
        (np.zeros((0, 4), np.uint8), "an array of 0 x 4 is no image"),
        (np.zeros((4, 4, 2), np.uint8), "an array of 4 x 4 x 2 is no image"),
        (np.zeros((4, 4), np.complex64), "an array of complex64 is no image"),
        (np.zeros((4, 4, 3), np.int32), "colours are 8-bit integers"),
        (np.full((4, 4, 3), -0.5), "colours are 8-bit integers"),
        (np.full((4, 4, 3), 256.0), "colours are 8-bit integers"),
        (np.full((4, 4, 3), np.nan), "colours are 8-bit integers"),
    ],
)
def test_anything_else_is_refused(values: Any, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        image_of_array(values)
