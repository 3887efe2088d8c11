"""Values of more than 8 bits are scaled by one range for a data set, which a run stores."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixlate import create_dataset
from pixlate.data.check import check_dataset
from pixlate.data.image_dataset import ImageDataset
from pixlate.data.value_range import ValueRange


def write_values(path: Path, *values: float, dtype: Any = np.uint16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([values], dtype)).save(path)


def dataset_of(root: Path, name: str = "single", **options: Any) -> ImageDataset[Any]:
    dataset = create_dataset(name, dataroot=root, preprocess="crop", crop_size=1, no_flip=True, **options)
    assert isinstance(dataset, ImageDataset)
    return dataset


def levels(dataset: ImageDataset[Any]) -> list[list[int]]:
    """The values as 8-bit levels."""
    pixels = [dataset.read(source)[0][0, 0] for group in dataset.groups for source in group]
    return [
        (row if row.dtype == np.uint8 else np.floor((row + 1) * 127.5 + 0.5).astype(int)).tolist() for row in pixels
    ]


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        (0, 3000, True, (0, 4095)),
        (5, 255, True, (0, 255)),
        (1, 256, True, (0, 511)),
        (0, 65535, True, (0, 65535)),
        (0, 1_000_000, True, (0, 1_000_000)),
        (-1000, 3071, True, (-1000, 3071)),
        (0.2, 0.9, False, (0, 1)),
        (0, 200.5, False, (0, 255)),
        (3.5, 900.0, False, (3.5, 900)),
        (-1, 1, False, (-1, 1)),
    ],
)
def test_the_range_of_extremes(low: float, high: float, whole: bool, expected: tuple[float, float]) -> None:
    assert ValueRange.of_extremes(low, high, whole=whole) == ValueRange(*expected)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.lists(st.floats(width=32), min_size=1))
def test_levels_grow_with_values_and_stay_in_range(low: float, width: float, values: list[float]) -> None:
    values = sorted(np.nan_to_num(values, nan=0, posinf=0, neginf=0))
    result = ValueRange(low, low + width).to_8_bit(np.array(values))
    assert result.dtype == np.uint8
    assert np.all(np.diff(result.astype(int)) >= 0)


def test_files_share_the_range_of_their_data_set(tmp_path: Path) -> None:
    write_values(tmp_path / "a.png", 0, 1000)
    write_values(tmp_path / "b.png", 2000, 4095)
    assert levels(dataset_of(tmp_path)) == [[0, 62], [125, 255]]


def test_the_sides_have_ranges_of_their_own(tmp_path: Path) -> None:
    write_values(tmp_path / "trainA" / "a.tif", -1000, 1000, dtype=np.int32)
    write_values(tmp_path / "trainB" / "b.tif", 0.25, 0.5, dtype=np.float32)
    dataset = dataset_of(tmp_path, "unaligned")
    assert levels(dataset) == [[0, 255], [64, 128]]
    assert dataset.value_ranges == {"A": ValueRange(-1000, 1000), "B": ValueRange(0, 1)}


def test_8_bit_files_are_never_scaled(tmp_path: Path) -> None:
    write_values(tmp_path / "a.png", 7, 9, dtype=np.uint8)
    write_values(tmp_path / "b.png", 0, 4095)
    assert levels(dataset_of(tmp_path)) == [[7, 9], [0, 255]]


def test_given_ranges_are_used_and_values_beyond_them_clipped(tmp_path: Path) -> None:
    write_values(tmp_path / "a.png", 0, 1000, 9000)
    dataset = dataset_of(tmp_path, direction="BtoA")
    dataset.use_value_ranges({"A": ValueRange(0, 1), "B": ValueRange(0, 2000)})  # the input is B
    assert levels(dataset) == [[0, 128, 255]]


def test_the_check_measures_and_says_the_range(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    write_values(tmp_path / "a.png", 0, 4095)
    write_values(tmp_path / "b.png", 1, 2, dtype=np.uint8)
    dataset = dataset_of(tmp_path)
    check_dataset(dataset, dataset.shared)
    assert "1 file has more than 8 bits; these values become black to white: A from 0 to 4095." in caplog.text
    assert dataset.measured


def test_cached_pixels_belong_to_a_range(tmp_path: Path) -> None:
    write_values(tmp_path / "data" / "a.png", 0, 1000)
    options = {"cache": "disk", "cache_dir": str(tmp_path / "cache")}
    found = []
    for high in (1000, 2000):
        dataset = dataset_of(tmp_path / "data", **options)
        dataset.use_value_ranges({"A": ValueRange(0, high)})
        dataset.open_cache()
        found.append(dataset.pixels(dataset.groups[0][0])[0][0, 0, 1])
        dataset.close_cache()
    assert found == [1.0, 0.0]
