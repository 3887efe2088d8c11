"""The comparison of a result's images in a browser: slider, blink, difference, zoom, keys, fingers."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galleries import write_gallery
from pages import beside, browser, needs_chromium
from PIL import Image

pytestmark = needs_chromium

BLACK_TO_WHITE = {"real_A": -1.0, "fake_B": -0.2, "real_B": 1.0}
GREY = {"real_A": 0, "fake_B": 102, "real_B": 255}  # as they are written
TRANSFORMS = "[...document.querySelectorAll('.stage img')].map(i => i.style.transform)"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page of three results, 100 by 100 pixels, in a browser."""
    folder = tmp_path_factory.mktemp("gallery")
    names = {f"{name}.png": {"l1": value} for name, value in (("a", 0.1), ("b", 0.3), ("c", 0.2))}
    with browser(write_gallery(folder, names, labels=BLACK_TO_WHITE, size=(100, 100))) as page:
        page.failures = []
        page.on("pageerror", lambda error: page.failures.append(str(error)))
        yield page


@pytest.fixture
def page(opened: Any) -> Any:
    """The same with the first result opened."""
    opened.reload()
    opened.click("figure a >> nth=1")
    loaded(opened)
    yield opened
    assert opened.failures == []


def loaded(page: Any) -> None:
    """Wait until the images of the stage are there, and drawn."""
    page.wait_for_function("[...document.querySelectorAll('.stage img')].every(i => i.complete && i.naturalWidth)")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def level(page: Any, x: float, y: float) -> int:
    """The brightness of the screen at a place of the stage, in parts of its width and height."""
    loaded(page)
    box = page.locator(".stage").bounding_box()
    spot = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "width": 1, "height": 1}
    with Image.open(io.BytesIO(page.screenshot(clip=spot))) as image:
        value = image.convert("L").getpixel((0, 0))
    assert isinstance(value, int)
    return value


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place of the stage to another, in parts of its width and height."""
    box = page.locator(".stage").bounding_box()
    for action, (x, y) in (("down", start), ("up", end)):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        getattr(page.mouse, action)()


def test_the_slider_shows_the_ground_truth_on_its_left_and_the_output_on_its_right(page: Any) -> None:
    assert (level(page, 0.45, 0.3), level(page, 0.55, 0.3)) == (GREY["real_B"], GREY["fake_B"])
    drag(page, (0.5, 0.5), (0.6, 0.5))
    assert (level(page, 0.55, 0.3), level(page, 0.65, 0.3)) == (GREY["real_B"], GREY["fake_B"])
    drag(page, (0.42, 0.2), (0.4, 0.2))  # away from the handle: the whole image is seen, there is nothing else to move
    assert (level(page, 0.38, 0.3), level(page, 0.45, 0.3)) == (GREY["real_B"], GREY["fake_B"])
    for _ in range(4):
        page.keyboard.press("]")
    assert level(page, 0.55, 0.3) == GREY["real_B"]
    page.keyboard.press("[")
    assert level(page, 0.575, 0.3) == GREY["fake_B"]


def test_any_two_images_are_compared(page: Any) -> None:
    page.select_option("select[data-side='0']", "real_A")
    assert (level(page, 0.45, 0.3), level(page, 0.55, 0.3)) == (GREY["real_A"], GREY["fake_B"])
    page.keyboard.press("3")
    assert (level(page, 0.45, 0.3), level(page, 0.55, 0.3)) == (GREY["real_A"], GREY["real_B"])
    page.keyboard.press("Shift+2")
    page.keyboard.press("x")
    assert (level(page, 0.45, 0.3), level(page, 0.55, 0.3)) == (GREY["real_B"], GREY["fake_B"])
    page.keyboard.press("Escape")
    page.click("figure a >> nth=0")  # an image that was not compared is compared with the output
    assert page.input_value("select[data-side='0']") == "real_A"
    assert page.input_value("select[data-side='1']") == "fake_B"


def test_blinking_shows_one_image_and_then_the_other(page: Any) -> None:
    page.keyboard.press("b")
    caption = ".caption >> nth=0"
    first = page.text_content(caption)
    page.wait_for_function(f"document.querySelector('.caption').textContent !== '{first}'")
    page.keyboard.press(" ")
    seen = {page.text_content(caption): level(page, 0.5, 0.3)}
    page.wait_for_timeout(800)
    assert page.text_content(caption) in seen  # by hand now
    page.keyboard.press(" ")
    seen[page.text_content(caption)] = level(page, 0.5, 0.3)
    assert seen == {label: GREY[label] for label in ("real_B", "fake_B")}


def test_the_difference_of_two_images(page: Any) -> None:
    page.keyboard.press("d")
    assert level(page, 0.5, 0.3) == GREY["real_B"] - GREY["fake_B"]
    page.keyboard.press("Shift+2")
    assert level(page, 0.5, 0.3) == 0


def test_all_images_are_zoomed_and_moved_together_as_real_pixels(page: Any) -> None:
    page.keyboard.press("a")
    assert page.locator(".pane").count() == 3
    assert not page.is_visible(".pair")
    boxes = [pane.bounding_box() for pane in page.locator(".pane").all()]
    page.mouse.move(boxes[2]["x"] + 100, boxes[2]["y"] + 150)
    page.mouse.wheel(0, -600)
    page.wait_for_function("document.querySelector('.zoom output').textContent !== '400 %'")
    zoomed = page.evaluate(TRANSFORMS)
    assert len(set(zoomed)) == 1
    drag(page, (0.5, 0.5), (0.45, 0.4))
    moved = page.evaluate(TRANSFORMS)
    assert len(set(moved)) == 1
    assert moved != zoomed
    assert page.eval_on_selector(".stage img", "i => getComputedStyle(i).imageRendering") == "pixelated"
    page.keyboard.press("0")
    assert page.text_content(".zoom output") == "400 %"  # the largest whole number that fits


def test_a_point_under_the_pointer_stays_there(page: Any) -> None:
    box = page.locator(".stage").bounding_box()
    x, y = box["width"] / 2 + 80, box["height"] / 2 - 60

    def point() -> list[float]:
        """Of the image that is under the pointer, in its pixels."""
        found: list[float] = page.evaluate(
            "([x, y]) => { const m = new DOMMatrix(document.querySelector('.stage img').style.transform);"
            " return [(x - m.e) / m.a, (y - m.f) / m.d]; }",
            [x, y],
        )
        return found

    before = point()
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.wheel(0, -800)
    page.wait_for_function("parseInt(document.querySelector('.zoom output').textContent) > 1000")
    assert point() == pytest.approx(before, abs=0.5)
    for _ in range(9):
        page.keyboard.press("+")
    assert page.text_content(".zoom output") == "6400 %"
    for _ in range(12):
        page.keyboard.press("-")
    assert page.text_content(".zoom output") == "50 %"
    page.dblclick(".stage", position={"x": 600, "y": 300})
    assert page.text_content(".zoom output") == "200 %"


def test_two_fingers_zoom_and_one_moves(opened: Any) -> None:
    with beside(opened, Path(opened.url.removeprefix("file://")), has_touch=True) as page:
        page.tap("figure a >> nth=1")
        page.tap("[data-mode=all]")
        before = page.evaluate(TRANSFORMS)
        session = page.context.new_cdp_session(page)

        def touch(kind: str, *points: tuple[int, int]) -> None:
            places = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

        touch("touchStart", (200, 200), (260, 200))
        touch("touchMove", (170, 200), (290, 200))
        touch("touchEnd")
        zoomed = page.evaluate(TRANSFORMS)
        assert page.text_content(".zoom output") == "800 %"  # twice as far from each other
        touch("touchStart", (200, 200))
        touch("touchMove", (180, 220))
        touch("touchEnd")
        moved = page.evaluate(TRANSFORMS)
        assert len(set(zoomed)) == len(set(moved)) == 1
        assert len({before[0], zoomed[0], moved[0]}) == 3


def test_arrows_go_through_the_results_in_the_order_of_the_page(page: Any) -> None:
    page.keyboard.press("Escape")
    page.select_option("#order", label="l1: worst first")
    page.click("figure a >> nth=1")
    seen = []
    for _ in range(4):
        seen.append((page.text_content("#viewer h3"), page.text_content(".place")))
        page.keyboard.press("ArrowRight")
    assert seen == [("b", "1 of 3"), ("c", "2 of 3"), ("a", "3 of 3"), ("a", "3 of 3")]
    page.keyboard.press("ArrowLeft")
    assert page.text_content("#viewer h3") == "c"
    page.keyboard.press("Escape")
    assert not page.is_visible("#viewer")
    name = "document.activeElement.closest('section')?.querySelector('h2').firstChild.data"
    page.wait_for_function(f"{name} === 'c'")  # the event of closing comes a moment later


def test_zoom_and_mode_stay_from_one_result_to_the_next(page: Any) -> None:
    page.keyboard.press("d")
    page.keyboard.press("+")
    scale = page.text_content(".zoom output")
    page.keyboard.press("ArrowRight")
    assert page.text_content(".zoom output") == scale
    assert page.get_attribute("[data-mode=difference]", "aria-pressed") == "true"


def test_the_keys_are_shown_above_it_and_typed_ones_go_no_further(page: Any) -> None:
    page.keyboard.press("?")
    assert page.is_visible("text=blink by hand")
    page.keyboard.press("ArrowRight")
    assert page.text_content("#viewer h3") == "a"
    page.keyboard.press("Escape")
    assert page.is_visible("#viewer")
    page.keyboard.press("g")  # a key of the page behind it
    page.keyboard.press("Escape")
    assert not page.is_checked("#grid")


@pytest.mark.parametrize(("size", "other"), [((40, 120), (20, 60)), ((30, 200), (60, 60))])
def test_proportions_are_kept_whatever_the_sizes_are(
    opened: Any, tmp_path: Path, size: tuple[int, int], other: tuple[int, int]
) -> None:
    """Height and width of an output that is not those of its input, as in super-resolution."""
    import torch

    from pixlate.runs.results.gallery import Gallery
    from pixlate.runs.results.result_page import ResultPage

    with Gallery(tmp_path, ResultPage("t")) as gallery:
        gallery.add("a.png", {"real_A": torch.full((3, *other), -1.0), "fake_B": torch.full((3, *size), 1.0)})
    with beside(opened, tmp_path / "index.html") as page:
        page.click("figure a >> nth=0")
        for mode in ("slider", "all"):
            page.click(f"[data-mode={mode}]")
            loaded(page)
            drawn = page.evaluate(
                "[...document.querySelectorAll('.stage img')].map(i => [getComputedStyle(i).objectFit,"
                " i.getBoundingClientRect().width / i.getBoundingClientRect().height])"
            )
            largest = max((size, other), key=lambda one: one[0] * one[1])
            assert drawn == [["contain", pytest.approx(largest[1] / largest[0], rel=0.01)]] * 2
        page.keyboard.press("Escape")
        shown = page.locator("#results img").first.bounding_box()
        assert shown["width"] / shown["height"] == pytest.approx(other[1] / other[0], rel=0.01)


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_it_fits_a_phone_and_a_dark_desktop(opened: Any, width: int, dark: bool) -> None:
    settings = {"color_scheme": "dark" if dark else "light"}
    with beside(opened, Path(opened.url.removeprefix("file://")), **settings) as page:
        page.set_viewport_size({"width": width, "height": 780})
        page.click("figure a >> nth=1")
        assert page.evaluate("document.querySelector('#viewer').scrollWidth") <= width
        for button in page.locator("#viewer button:visible").all():
            box = button.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= 780
        assert page.locator(".stage").bounding_box()["height"] > 400
        light = page.evaluate("getComputedStyle(document.querySelector('#viewer')).backgroundColor")
        assert light == ("rgb(15, 18, 21)" if dark else "rgb(245, 246, 248)")
