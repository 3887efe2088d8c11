"""The tools of a test's page in a browser: order, filters, size, grid, keys, and the page without scripts."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galleries import write_gallery
from pages import beside, browser, needs_chromium

pytestmark = needs_chromium

RESULTS = {
    "/d/a1.png": {"ssim": 0.9, "l1": 0.1},
    "/d/a10.png": {"ssim": 0.2, "l1": 0.3},
    "/d/a2.png": {"ssim": math.nan, "l1": 0.2},
    "/d/b.png": {"ssim": 0.5, "l1": 0.4},
}
NAMES = (
    "[...document.querySelectorAll('#results section:not([hidden])')].map(s => s.querySelector('h2').firstChild.data)"
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page of four results, in a browser."""
    with browser(write_gallery(tmp_path_factory.mktemp("gallery"), RESULTS)) as page:
        page.failures = []
        page.on("pageerror", lambda error: page.failures.append(str(error)))
        yield page


@pytest.fixture
def page(opened: Any) -> Any:
    """The same, opened again."""
    opened.failures = []
    opened.set_viewport_size({"width": 1280, "height": 800})
    opened.reload()
    yield opened
    assert opened.failures == []


def names(page: Any) -> list[str]:
    found: list[str] = page.evaluate(NAMES)
    return found


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("as tested", ["a1", "a10", "a2", "b"]),
        ("name", ["a1", "a2", "a10", "b"]),
        ("ssim: worst first", ["a10", "b", "a1", "a2"]),
        ("ssim: best first", ["a1", "b", "a10", "a2"]),
        ("l1: worst first", ["b", "a10", "a2", "a1"]),
        ("l1: best first", ["a1", "a2", "a10", "b"]),
    ],
)
def test_results_are_ordered_by_name_and_by_each_metric(page: Any, order: str, expected: list[str]) -> None:
    """The worst is the lowest of ssim, and the highest of l1; an image without a value comes last either way."""
    page.select_option("#order", label=order)
    assert names(page) == expected
    page.select_option("#order", label="as tested")
    assert names(page) == ["a1", "a10", "a2", "b"]


def test_the_worst_result_is_compared_after_two_actions(page: Any) -> None:
    page.select_option("#order", label="ssim: worst first")
    page.click("figure a >> nth=0")
    assert page.text_content("#viewer h3") == "a10"


def test_results_are_filtered_by_name_and_by_the_values_of_a_metric(page: Any) -> None:
    page.fill("#find", "A1")
    assert names(page) == ["a1", "a10"]
    assert page.text_content("#count") == "2 of 4 results"
    page.select_option("#order", label="l1: worst first")
    assert page.get_attribute("#low", "placeholder") == "0.1"
    page.fill("#high", "0.2")
    assert names(page) == ["a1"]
    page.fill("#find", "nothing")
    assert names(page) == []
    assert page.is_visible("text=No result fits the filters.")
    page.fill("#find", "")
    assert names(page) == ["a2", "a1"]
    page.select_option("#order", label="ssim: worst first")  # the limits were those of l1
    assert names(page) == ["a10", "b", "a1", "a2"]
    page.fill("#low", "0")
    assert names(page) == ["a10", "b", "a1"]  # a2 has no value
    assert page.is_visible("#range")
    page.select_option("#order", label="name")
    assert not page.is_visible("#range")


def test_without_metrics_only_names_order_and_nothing_empty_is_shown(opened: Any, tmp_path: Path) -> None:
    with beside(opened, write_gallery(tmp_path, ["b.png", "a.png"], labels={"fake_B": 0})) as page:
        assert page.locator("#order option").all_text_contents() == ["as tested", "name"]
        assert not page.is_visible("#range")
        assert page.locator("#legend input").count() == 0  # one kind of image: nothing to choose
        page.click("figure a >> nth=1")
        assert page.text_content("#viewer h3") == "a"
        assert not page.is_visible(".pair")
        assert page.locator(".pane").count() == 1


def test_a_metric_of_unknown_direction_is_lowest_or_highest(opened: Any, tmp_path: Path) -> None:
    results = {"a.png": {"odd": 2.0}, "b.png": {"odd": 1.0}, "c.png": {"none": math.inf}}
    with beside(opened, write_gallery(tmp_path, results, higher_is_better={})) as page:
        options = page.locator("#order option").all_text_contents()
        assert options == ["as tested", "name", "odd: lowest first", "odd: highest first"]
        page.select_option("#order", label="odd: lowest first")
        assert names(page) == ["b", "a", "c"]


def test_the_order_of_worst_first_is_the_page_s_first_order(opened: Any, tmp_path: Path) -> None:
    path = write_gallery(tmp_path, RESULTS, worst_first="ssim")
    with beside(opened, path) as page:
        assert page.eval_on_selector("#order", "o => o.selectedOptions[0].text") == "ssim: worst first"
        assert names(page) == ["a10", "b", "a1", "a2"]
        page.select_option("#order", label="as tested")
        assert names(page) == ["a1", "a10", "a2", "b"]


def test_images_get_the_size_of_the_slider_and_the_grid_has_its_own(page: Any) -> None:
    first = "document.images[0].getBoundingClientRect().width"
    assert page.evaluate(first) == 256
    page.fill("#size", "304")
    assert page.evaluate(first) == pytest.approx(304, abs=1)
    page.keyboard.press("g")
    shown = page.locator("#results img:visible")
    assert {image.get_attribute("alt") for image in shown.all()} == {"fake_B"}
    assert shown.first.bounding_box()["width"] == 128
    sections = [section.bounding_box() for section in page.locator("#results section").all()]
    assert len({section["y"] for section in sections}) == 1
    page.keyboard.press("+")
    assert shown.first.bounding_box()["width"] == 160
    page.keyboard.press("g")
    assert page.evaluate(first) == pytest.approx(304, abs=1)
    assert page.locator("#results img:visible").count() == 12


def test_the_metric_of_the_order_is_shown_in_the_grid(page: Any) -> None:
    page.select_option("#order", label="l1: worst first")
    page.check("#grid")
    assert [text.strip() for text in page.locator("h2 small:visible").all_text_contents()] == [
        "l1 0.4",
        "l1 0.3",
        "l1 0.2",
        "l1 0.1",
    ]


def test_the_legend_hides_and_shows_images(page: Any) -> None:
    assert [text.strip() for text in page.locator("#legend li").all_text_contents()] == [
        "real_Ainput",
        "fake_Boutput: real_A translated to B",
        "real_Bground truth",
    ]
    for label in ("real_A", "real_B"):
        page.click(f"#legend >> text={label} >> nth=0")
    shown = {image.get_attribute("alt") for image in page.locator("#results img:visible").all()}
    assert shown == {"fake_B"}
    assert page.is_disabled("#legend input >> nth=1")  # the last one stays


def test_keys_of_the_page(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("b?")
    assert page.input_value("#find") == "b?"  # in a field, keys are text
    page.fill("#find", "b")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    page.keyboard.press("g")
    assert not page.is_checked("#grid")
    page.keyboard.press("Escape")
    assert not page.is_visible("#keys")
    page.focus("section:not([hidden]) figure a >> nth=0")
    page.keyboard.press("Enter")
    assert page.text_content("#viewer h3") == "b"


def test_a_click_with_control_opens_the_file(page: Any) -> None:
    with page.context.expect_page() as tab:
        page.click("figure a >> nth=0", modifiers=["Control"])
    assert not page.is_visible("#viewer")
    assert tab.value.url.endswith("/images/a1_real_A.png")
    tab.value.close()


def test_everything_is_readable_without_scripts(opened: Any, tmp_path: Path) -> None:
    with beside(opened, write_gallery(tmp_path, RESULTS), java_script_enabled=False) as page:
        assert page.locator("section:visible").count() == 4
        assert page.is_visible("text=output: real_A translated to B")
        for tool in ("#tools", "#viewer", "#keys", "#none"):
            assert not page.is_visible(tool)
        assert page.locator("button:visible, input:visible, select:visible").count() == 0
        page.click("figure a >> nth=1")
        page.wait_for_url("**/images/a1_fake_B.png")


HOSTILE = [
    "quotes\"'`",
    "<img src=x onerror=document.title=1>",
    "</script><script>document.title=2</script>",
    "</dialog></section><b>",
    "new\nline\tand\x1b[31m",
    "bidi\u202egnp.exe\u2066",
    "&lt;script&gt;%3Cb%3E",
    "${document.title=3}\\",
    "raw\udcff",
    "x" * 240,
]


def test_names_are_shown_as_they_are_and_do_nothing(opened: Any, tmp_path: Path) -> None:
    results = {f"/d/{name}.png": {"ssim": i / 10, "<b>\"'": 1.0} for i, name in enumerate(HOSTILE)}
    labels = {"real_A": 0.0, "fake_<i>x</i>": 0.5}
    with beside(opened, write_gallery(tmp_path, results, labels=labels)) as page:
        shown = names(page)
        assert shown[:2] == ["quotes\"'`", "<img src=x onerror=document.title=1>"]
        assert len(shown) == len(HOSTILE)
        assert not any(ord(character) < 32 or character in "\u202e\u2066" for name in shown for character in name)
        page.select_option("#order", label="name")
        page.check("#grid")
        for name in names(page):
            page.fill("#find", name)
            assert name in names(page)
        page.fill("#find", "")
        page.uncheck("#grid")
        page.click("figure a >> nth=1")
        for _ in HOSTILE:
            assert page.text_content("#viewer h3") in shown
            page.wait_for_function("[...document.querySelectorAll('.stage img')].every(i => i.naturalWidth === 16)")
            page.keyboard.press("ArrowRight")
        assert page.title() == "Experiment = a, Phase = test, Epoch = latest"
        assert page.locator("i, section b, .stage b").count() == 0
        assert all(url.startswith("file:") for url in page.requested)
