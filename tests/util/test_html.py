"""The parts of pages: text of any kind, rows of images, charts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixlate.util.charts import Chart, Line, charts, limits, number, path, short, ticks
from pixlate.util.html import PageImage, address, columns, image_row, page, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Ω 漢 🙂", "plain Ω 漢 🙂"),
        ("a\nb\x00", "a␊b␀"),
        ("raw\udcff", "raw�"),
        ("gnp.\u202egpj", "gnp.�gpj"),
    ],
)
def test_invisible_characters_become_symbols(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()


def test_addresses_of_any_file_name() -> None:
    assert address("images/a b#c?d%.png") == "images/a%20b%23c%3Fd%25.png"
    assert address("raw\udcff") == "raw%FF"


def test_rows_are_of_equal_length_where_possible() -> None:
    assert [columns(count) for count in (0, 1, 3, 4, 5, 6, 8, 9)] == [1, 1, 3, 4, 3, 3, 4, 3]


def test_text_is_escaped() -> None:
    image = PageImage("<del>", "x.png", 4, 3)
    text = page(
        "<i>", "<i>", {"<u>": "<u>"}, image_row([image], 99), charts([Chart("<s>", [Line("<q>", [])], "<em>")])
    ).render()
    assert not [tag for tag in ("<del>", "<i>", "<u>", "<s>", "<q>", "<em>") if tag in text]


def test_a_curve_with_gaps() -> None:
    points = [(0.0, 1.0), (1.0, math.nan), (2.0, 0.0), (3.0, math.inf), (4.0, 1e300), (5.0, 0.123456)]
    assert path(points) == "M0 1M2 0M5 0.12346"
    assert path([(0.5, 5.0), (1.0, 6.0)]) == "M0.5 5L1 6"


@given(values=st.lists(st.floats(-1e20, 1e20), max_size=5))
def test_the_axis_holds_all_values_and_a_few_round_numbers(values: list[float]) -> None:
    low, high = limits(values)
    assert low < high
    assert all(low <= value <= high for value in values)
    marks = ticks(low, high)
    assert 1 <= len(marks) <= 6
    assert all(low - 1e-6 * (high - low) <= mark <= high + 1e-6 * (high - low) for mark in marks)


def test_numbers_beside_an_axis_are_short() -> None:
    expected = ["0", "0.25", "20k", "1.5M", "1e-5", "1.5e-4"]
    assert [short(value) for value in (0.0, 0.25, 20_000.0, 1_500_000.0, 1e-5, 0.00015)] == expected


def test_numbers_have_about_three_digits() -> None:
    numbers = {
        0.0: "0",
        0.5: "0.500",
        25.0: "25.0",
        1234.5: "1234",
        1e6: "1.00e+06",
        0.0001: "1.00e-04",
        -0.25: "-0.250",
    }
    assert {value: number(value) for value in numbers} == numbers
    assert [number(value) for value in (math.inf, math.nan)] == ["inf", "nan"]
