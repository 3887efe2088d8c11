"""The parts of pages: text of any kind, rows of images, charts."""

import math

import pytest

from pixlate.util.charts import chart, number, outline
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
    image = PageImage("<b>", "x.png", 4, 3)
    text = page("<i>", "<i>", {"<u>": "<u>"}, image_row([image], 99), chart("<s>", [], math.nan, "epoch")).render()
    assert not [tag for tag in ("<b>", "<i>", "<u>", "<s>") if tag in text]


def test_a_curve_with_gaps() -> None:
    points = [(0.0, 1.0), (1.0, math.nan), (2.0, 0.0)]
    assert outline(points, 0.0, 1.0, 2.0) == "M0.0 0.0 M300.0 84.0"
    assert outline([(1.0, 5.0)], 5.0, 5.0, 1.0) == "M300.0 42.0 h1"


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
