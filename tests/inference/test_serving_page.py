"""The page of `pixlate serve` in a browser: what is drawn, dropped or pasted is translated and compared."""

import base64
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import CHROMIUM, needs_chromium
from PIL import Image
from served import PALETTE, file_of, make_runs, noise, serving

import pixlate
from pixlate.inference.serving import service
from pixlate.inference.serving.app import create_app
from pixlate.inference.serving.guard import Access
from pixlate.inference.serving.limits import Limits
from pixlate.inference.serving.models import load_models
from pixlate.inference.serving.service import Service

pytestmark = needs_chromium
#: The pixels of an image or a canvas of the page, as a PNG file.
PIXELS = """(id) => {
  const shown = document.getElementById(id);
  const width = shown.naturalWidth ?? shown.width, height = shown.naturalHeight ?? shown.height;
  const copy = Object.assign(document.createElement("canvas"), {width, height});
  copy.getContext("2d").drawImage(shown, 0, 0);
  return copy.toDataURL("image/png");
}"""
#: Drops or pastes a file.
GIVE = """([event, name, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, {type: "image/png"}));
  const given = event === "drop" ? new DragEvent(event, {dataTransfer: data, bubbles: true, cancelable: true})
    : new ClipboardEvent(event, {clipboardData: data, bubbles: true});
  document.body.dispatchEvent(given);
}"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return make_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def port(runs: list[str]) -> Iterator[int]:
    models = load_models(pixlate.get_plugins(), runs, epoch="latest", device="cpu")
    with Service(models, Limits(max_pixels=512 * 512)) as service, serving(create_app(service, Access())) as port:
        yield port


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield started
        started.close()


@contextmanager
def opened(chromium: Any, port: int, **settings: Any) -> Iterator[Any]:
    """The page, whose requests, and errors of scripts, are checked at the end."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, **settings)
    page = context.new_page()
    requested: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"http://127.0.0.1:{port}/")
    yield page
    assert errors == []
    own = (f"http://127.0.0.1:{port}/", f"blob:http://127.0.0.1:{port}/", "data:")
    assert all(url.startswith(own) for url in requested), requested
    context.close()


def pixels(page: Any, element: str) -> Any:
    content = base64.b64decode(page.evaluate(PIXELS, element).partition(",")[2])
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def translated(page: Any) -> Any:
    """The pixels of the translation, once the one of the last change is there."""
    page.wait_for_selector("#result[aria-busy=false] #stage:not([hidden])")
    return pixels(page, "after")


def draw(page: Any, *points: tuple[float, float]) -> None:
    """A stroke over the canvas, through points from 0 to 1."""
    box = page.locator("#canvas").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def give(page: Any, event: str, name: str, content: bytes) -> None:
    page.evaluate(GIVE, [event, name, base64.b64encode(content).decode()])


def test_a_drawing_is_translated_as_it_is_drawn(chromium: Any, port: int, runs: list[str]) -> None:
    with opened(chromium, port) as page:
        page.select_option("#model", "cycle")
        draw(page, (0.2, 0.2), (0.8, 0.3), (0.5, 0.9))
        result = translated(page)
        drawing = pixels(page, "canvas")
        assert drawing.shape == (256, 256, 3)
        assert 0 < (drawing < 128).mean() < 0.1  # black lines on white
        translate = pixlate.load(runs[1], device="cpu")
        assert np.array_equal(result, np.asarray(translate(Image.fromarray(drawing))))
        assert np.array_equal(pixels(page, "before"), drawing)
        assert "256 × 256" in page.inner_text("#took")
        draw(page, (0.1, 0.9), (0.9, 0.9))
        later = translated(page)
        assert np.array_equal(later, np.asarray(translate(Image.fromarray(pixels(page, "canvas")))))
        page.click("#undo")
        assert np.array_equal(translated(page), result)
        page.keyboard.press("Control+Shift+z")
        assert np.array_equal(translated(page), later)
        page.click("#clear")
        assert (pixels(page, "canvas") == 255).all()
        with page.expect_download() as download:
            page.click("#download")
        assert download.value.suggested_filename == "drawing_cycle.png"


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_file_is_sent_as_it_is_until_it_is_drawn_on(
    chromium: Any, port: int, runs: list[str], event: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = noise(64, 40)
    image.save(tmp_path / "photo.jpg", exif=exif)
    content = (tmp_path / "photo.jpg").read_bytes()
    translate = pixlate.load(runs[0], device="cpu")
    with opened(chromium, port) as page:
        give(page, event, "photo.jpg", content)
        assert np.array_equal(translated(page), np.asarray(translate(tmp_path / "photo.jpg")))  # its name seeds dropout
        assert page.inner_text("#given") == "40 × 64, photo.jpg"
        draw(page, (0.2, 0.2), (0.8, 0.8))
        result = translated(page)
        drawing = pixels(page, "canvas")
        assert (drawing.max(2) < 40).any()
        assert np.array_equal(result, np.asarray(translate(Image.fromarray(drawing))))
        page.click("[data-tool=eraser]")
        page.fill("#width", "64")
        draw(page, (0.1, 0.1), (1, 0), (1, 0.5), (0, 0.5), (0, 1), (1, 1))
        erased = pixels(page, "canvas")
        page.keyboard.press("n")
        give(page, event, "photo.jpg", content)
        translated(page)
        assert np.array_equal(pixels(page, "canvas"), erased)  # the eraser shows the opened image again


def test_labels_are_drawn_in_the_colours_of_their_classes(chromium: Any, port: int, runs: list[str]) -> None:
    with opened(chromium, port) as page:
        page.select_option("#model", "labels")
        assert page.locator(".colour").count() == len(PALETTE)
        assert (pixels(page, "canvas") == PALETTE[0]).all()
        page.click("[data-tool=fill]")
        page.click(".colour >> nth=3")
        draw(page, (0.5, 0.5))
        assert (pixels(page, "canvas") == PALETTE[3]).all()
        page.keyboard.press("p")
        page.click(".colour >> nth=1")
        draw(page, (0.1, 0.1), (0.9, 0.7))
        result = translated(page)
        drawing = pixels(page, "canvas")
        assert {tuple(colour) for colour in drawing.reshape(-1, 3)} == {PALETTE[1], PALETTE[3]}  # no smoothed edges
        numbers = np.where((drawing == PALETTE[1]).all(2), 1, 3).astype(np.uint8)
        expected = pixlate.load(runs[2], device="cpu")(Image.fromarray(numbers))
        assert np.array_equal(result, np.asarray(expected))


def test_the_slider_shows_the_input_over_the_translation(chromium: Any, port: int) -> None:
    with opened(chromium, port) as page:
        give(page, "drop", "a.png", file_of(noise(64, 64)))
        translated(page)
        at = "getComputedStyle(document.getElementById('stage')).getPropertyValue('--at').trim()"
        assert page.evaluate(at) == "0%"
        page.focus("#at")
        page.keyboard.press("ArrowRight")
        assert page.evaluate(at) == "1%"
        box = page.locator("#stage").bounding_box()
        page.mouse.move(box["x"] + 20, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30, steps=3)
        page.mouse.up()
        assert float(page.evaluate(at)[:-1]) == pytest.approx(50, abs=1)
        page.click("h1")
        page.keyboard.press("s")
        assert page.evaluate(at) == "0%"


def test_directions_and_modes_are_chosen(chromium: Any, port: int, runs: list[str]) -> None:
    image = noise(64, 64)
    with opened(chromium, port) as page:
        give(page, "drop", "a.png", file_of(image))
        translated(page)
        page.check("#running")
        running = pixlate.load(runs[0], device="cpu", running_statistics=True)
        assert np.array_equal(translated(page), np.asarray(running(image, name="a.png")))
        page.uncheck("#running")
        page.select_option("#model", "cycle")
        page.select_option("#direction", "BtoA")
        other = pixlate.load(runs[1], device="cpu", direction="BtoA")
        assert np.array_equal(translated(page), np.asarray(other(image)))


def test_problems_are_told_in_words(chromium: Any, port: int) -> None:
    with opened(chromium, port) as page:
        give(page, "drop", "a.png", b"nonsense")
        page.wait_for_selector("#message:not([hidden])")
        assert "The image cannot be read" in page.inner_text("#message")
        give(page, "drop", "large.png", file_of(Image.new("RGB", (600, 600))))
        page.wait_for_selector("#message:has-text('600 × 600')")
        page.route("**/translate*", lambda route: route.abort())
        draw(page, (0.2, 0.2), (0.8, 0.8))
        page.wait_for_selector("#message:has-text('does not answer')")
        page.unroute("**/translate*")
        page.click("#translate")
        translated(page)
        assert not page.is_visible("#message")


def test_fingers_draw_on_a_phone(chromium: Any, port: int) -> None:
    with opened(chromium, port, has_touch=True, is_mobile=True) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        box = page.locator("#canvas").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        translated(page)
        assert (pixels(page, "canvas") < 128).any()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0


def test_only_the_newest_drawing_is_shown(
    chromium: Any, port: int, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    translate = service.translate

    def slowly(*given: Any) -> Any:
        names.append(given[2])
        if len(names) == 1:
            time.sleep(1)
        return translate(*given)

    monkeypatch.setattr(service, "translate", slowly)
    with opened(chromium, port) as page:
        page.select_option("#model", "cycle")
        draw(page, (0.2, 0.2), (0.8, 0.3))
        page.wait_for_timeout(500)
        draw(page, (0.2, 0.8), (0.8, 0.7))
        result = translated(page)
        expected = pixlate.load(runs[1], device="cpu")(Image.fromarray(pixels(page, "canvas")))
        assert np.array_equal(result, np.asarray(expected))
        page.wait_for_timeout(800)
        assert np.array_equal(pixels(page, "after"), result)
        assert len(names) == 2
