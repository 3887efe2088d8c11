"""What a person can do with the page of a training, in a browser."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import DrivenRun, images_by_label, make_run, progress
from pages import browser, needs_chromium

from pixlate.plugins.run import Sample
from pixlate.plugins.viewers import training_page
from pixlate.plugins.viewers.html_page import HtmlPage
from pixlate.plugins.viewers.plugin import HtmlPageOptions

pytestmark = needs_chromium
VALUES = (8.0, 4.0, 2.0, 1.0)  # of G_L1, at the end of each epoch
NAME = "<img src=x onerror=alert(1)> & 'co'"
VALUE = "[...document.querySelectorAll('.chart')].map(card => card.querySelector('.lines b').textContent)"


def trained(folder: Path, *epochs: int, name: str = NAME, viewer: HtmlPage | None = None) -> tuple[DrivenRun, HtmlPage]:
    """A run after some epochs, whose losses, images and metrics tell the epoch."""
    run = make_run(folder, name=name, epochs=9)
    if viewer is None:
        viewer = HtmlPage(HtmlPageOptions())
        viewer.run_started(run)
    for epoch in epochs:
        position = progress(epoch, 400)
        run.moved(position)
        viewer.losses_logged(run, position, {"G_L1": VALUES[epoch - 1], "G_A": 1.0, "G_B": 3.0})
        viewer.images_shown(run, position, images_by_label(size=32))
        samples = [Sample("val", each, images_by_label(size=32, value=epoch / 10)) for each in ("a#1", "b")]
        viewer.samples_shown(run, position, samples)
        viewer.metrics_measured(run, position, {"val_l1": 1 / epoch})
    viewer.epoch_ended(run, progress(epochs[-1], 400))
    return run, viewer


def page_of(run: DrivenRun) -> Path:
    return run.folder / "web" / "index.html"


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Any]:
    """The page of a run after four epochs."""
    run, _ = trained(tmp_path, 1, 2, 3, 4)
    with browser(page_of(run)) as page:
        yield page


def chart(page: Any, title: str) -> Any:
    return page.locator(".chart").filter(has=page.locator("h3", has_text=title)).first


def set_smoothing(page: Any, value: float) -> None:
    script = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})) }"
    page.locator("[name=smoothing]").evaluate(script, value)


def path_of(page: Any, title: str, kind: str) -> list[list[float]]:
    """The points of a line as they are drawn."""
    text = chart(page, title).locator(f"path.{kind}").first.get_attribute("d")
    points = text.replace("L", "M").split("M")[1:]
    return [[float(number) for number in point.split()] for point in points]


def test_the_pointer_shows_the_values_of_all_charts_at_one_epoch(shown: Any) -> None:
    set_smoothing(shown, 0)
    chart(shown, "G_L1").scroll_into_view_if_needed()
    box = chart(shown, "G_L1").locator(".plot").bounding_box()
    for epoch, value in enumerate(VALUES, start=1):
        shown.mouse.move(box["x"] + box["width"] * epoch / 4 - 1, box["y"] + 20)
        assert float(chart(shown, "G_L1").locator("b").text_content()) == value
        assert chart(shown, "G_L1").locator("small").text_content() == f"epoch {epoch}"
        assert float(chart(shown, "val_l1").locator("b").text_content()) == pytest.approx(1 / epoch, abs=1e-4)
    assert [float(text) for text in chart(shown, "G").locator("b").all_text_contents()] == [1.0]
    shown.mouse.move(0, 0)
    assert chart(shown, "G_L1").locator("b").text_content() == "1.00"
    assert chart(shown, "G_L1").locator("small").text_content() == ""


def test_the_arrow_keys_walk_along_a_chart(shown: Any) -> None:
    set_smoothing(shown, 0)
    chart(shown, "G_L1").locator(".plot").focus()
    values = []
    for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
        shown.keyboard.press(key)
        values.append(float(chart(shown, "G_L1").locator("b").text_content()))
    assert values == [8.0, 4.0, 1.0, 2.0]
    assert "epoch 4" in shown.locator("#held-out h2").text_content()  # the keys move one thing at a time


def test_smoothing_leaves_the_values_in_sight(shown: Any) -> None:
    set_smoothing(shown, 0.5)
    expected, total, weights = [], 0.0, 0.0
    for epoch, value in enumerate(VALUES, start=1):
        total, weights = 0.5 * total + value, 0.5 * weights + 1
        expected.append([epoch, pytest.approx(total / weights)])
    assert path_of(shown, "G_L1", "smooth") == expected
    assert path_of(shown, "G_L1", "line") == [[epoch, value] for epoch, value in enumerate(VALUES, start=1)]
    assert chart(shown, "val_l1").locator(".smooth").count() == 0  # each of few measurements counts


def test_the_log_scale(shown: Any) -> None:
    set_smoothing(shown, 0)
    shown.locator("[name=logarithmic]").check()
    assert [y for _, y in path_of(shown, "G_L1", "line")] == pytest.approx([0.90309, 0.60206, 0.30103, 0], abs=1e-4)
    assert chart(shown, "G_L1").locator(".y").all_text_contents() == ["1", "2", "5"]
    shown.locator("[name=logarithmic]").uncheck()
    assert [y for _, y in path_of(shown, "G_L1", "line")] == list(VALUES)
    assert "0" in chart(shown, "G_L1").locator(".y").all_text_contents()


def held_out_files(page: Any) -> list[str]:
    """The files that are shown of the first sample, once they are."""
    script = """Promise.all([...document.querySelectorAll('.sample')].slice(0, 1).flatMap(sample =>
        [...sample.querySelectorAll('.row:not([hidden]) img')]).map(async image => {
            while (image.dataset.file && image.getAttribute('src') !== image.dataset.file)
                await new Promise(requestAnimationFrame);
            await image.decode();
            return image.getAttribute('src').split('/').pop();
        }))"""
    return list(page.evaluate(script))


def test_the_slider_shows_the_held_out_images_of_each_epoch(shown: Any) -> None:
    assert held_out_files(shown)[1] == "held_out_epoch004_val_a%231_fake_B.png"
    slider = shown.locator("#held-out [type=range]")
    slider.focus()
    shown.keyboard.press("ArrowLeft")
    assert held_out_files(shown)[1] == "held_out_epoch003_val_a%231_fake_B.png"
    shown.keyboard.press("Home")
    assert held_out_files(shown)[1].startswith("held_out_epoch001")
    assert shown.locator("#held-out h2").text_content() == "held-out images, epoch 1"
    shown.locator("#held-out [name=on]").click()
    assert held_out_files(shown)[1].startswith("held_out_epoch002")
    shown.locator("body").press("ArrowRight")
    assert "epoch003" in shown.locator(".sample .row a").nth(1).get_attribute("href")


def test_compare_with_the_first_epoch(shown: Any) -> None:
    assert len(held_out_files(shown)) == 3
    shown.locator("#held-out [type=checkbox]").check()
    files = held_out_files(shown)
    assert [file[9:17] for file in files] == ["epoch004"] * 3 + ["epoch001"] * 3
    assert shown.locator("figcaption", has_text="fake_B, epoch 1").first.is_visible()
    assert not shown.locator("figcaption", has_text="real_A, epoch 1").first.is_visible()  # it is the same


def test_a_sample_that_an_epoch_does_not_have_is_hidden_there(tmp_path: Path) -> None:
    run, viewer = trained(tmp_path, 1)
    position = progress(2, 400)
    viewer.samples_shown(run, position, [Sample("val", each, images_by_label()) for each in ("a#1", "new")])
    with browser(page_of(run)) as page:
        page.locator("#held-out [name=back]").click()
        missing = page.locator(".sample > .row:not([hidden])").evaluate_all("rows => rows.map(r => r.className)")
        assert ["missing" in each for each in missing] == [False, True]


def test_what_a_reader_chose_stays_when_the_page_loads_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_page, "REFRESH", 1)
    run, viewer = trained(tmp_path, 1, 2, 3)
    state = """() => {
        const one = (selector) => document.querySelector(selector);
        return JSON.stringify([
            one('#held-out h2').textContent, one('#held-out [type=checkbox]').checked,
            one('[name=logarithmic]').checked, one('[name=smoothing]').value, one('#epochs').open,
            Math.round(one('#charts').getBoundingClientRect().top),
        ]);
    }"""
    # The place, the slider and the scale in every frame from the first: nothing jumps before the reader's eyes.
    frames = f"""window.frames_seen = [];
        const look = () => {{
            const isShown = document.documentElement.style.visibility !== 'hidden';
            if (isShown && document.querySelector('#epochs')) window.frames_seen.push(({state})());
            if (window.frames_seen.length < 30) requestAnimationFrame(look);
        }};
        requestAnimationFrame(look);"""
    with browser(page_of(run)) as page:
        page.locator("[name=logarithmic]").check()
        set_smoothing(page, 0.8)
        page.locator("#held-out [name=back]").click()
        page.locator("#held-out [type=checkbox]").check()
        page.locator("#epochs summary").click()
        page.wait_for_selector("#epoch1")
        before = page.evaluate(f"document.querySelector('#charts').scrollIntoView(), ({state})()")
        assert json.loads(before) == ["held-out images, epoch 2", True, True, "0.8", True, 0]
        page.context.add_init_script(frames)
        trained(tmp_path, 4, viewer=viewer)
        page.wait_for_selector("#epoch4", state="attached")
        page.wait_for_function("window.frames_seen.length > 20")
        assert set(page.evaluate("window.frames_seen")) == {before}
        # Who looked at the newest images sees newer ones; the choices for all charts hold in another tab too.
        other = page.context.new_page()
        other.goto(page_of(run).as_uri())
        assert json.loads(other.evaluate(state))[:5] == ["held-out images, epoch 4", False, True, "0.8", False]


def test_names_are_text(tmp_path: Path) -> None:
    run, _ = trained(tmp_path, 1, 2)
    with browser(page_of(run)) as page:
        assert page.locator("h1").text_content() == NAME
        assert page.locator("img[src=x]").count() == 0
        assert all(url.startswith("file:") for url in page.requested)


def test_the_page_reads_without_scripts(tmp_path: Path) -> None:
    run, _ = trained(tmp_path, 1, 2, 3)
    with browser(page_of(run), scripts=False) as page:
        assert chart(page, "G_L1").locator("path.line").bounding_box()["height"] > 50
        assert chart(page, "G_L1").locator(".y").count() > 2
        assert not page.locator(".controls").first.is_visible()
        assert page.locator(".sample img").nth(1).get_attribute("src").startswith("images/held_out_epoch003")
        page.locator("#epochs summary").click()
        assert page.locator("#epoch1").is_visible()


def test_a_reader_without_storage_has_a_page_too(tmp_path: Path) -> None:
    run, _ = trained(tmp_path, 1, 2)
    broken = """for (const name of ["localStorage", "sessionStorage"])
        Object.defineProperty(window, name, {get() { throw new DOMException("no", "SecurityError") }});"""
    with browser(page_of(run)) as page:
        page.context.add_init_script(broken)
        page.reload()
        set_smoothing(page, 0.9)
        page.reload()
        assert page.locator("[name=smoothing]").input_value() == "0.9"
