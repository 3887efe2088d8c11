"""The page of `pixlate compare`, in a browser."""

import json
from pathlib import Path

import numpy as np
import pytest
from pages import browser, needs_chromium
from stored_runs import validation, write_run

from pixlate.metrics.base import Measured
from pixlate.metrics.protocol import Protocol
from pixlate.runs.judging.comparison import ComparedRun, save_comparison
from pixlate.runs.judging.evaluation import Evaluation
from pixlate.runs.overview import summary

HIGHER = {"ssim": True}
NAMES = ("plain", "<b>odd")


def compared(folder: Path) -> list[ComparedRun]:
    """Two runs of three epochs, with an image each."""
    runs = []
    for number, name in enumerate(NAMES, start=1):
        path = write_run(folder, name, {"ngf": 8 * number}, [validation(e, ssim=0.1 * e * number) for e in (1, 2, 3)])
        records = [{"epoch": e, "images": 100 * e, "losses": {"cycle": number * e}} for e in (1, 2, 3)]
        (path / "losses.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
        measured = {"ssim": Measured(0.3 * number, 5, 0.3 * number - 0.1, 0.3 * number + 0.1)}
        found = summary(path, HIGHER)
        assert found is not None
        image = np.zeros((8, 8, 3), np.uint8)
        shown = dict.fromkeys(("real_A", "fake_B", "real_B"), image)
        evaluation = Evaluation(name, path, Protocol(("ssim",)), "test", "", ("a.png",), measured)
        runs.append(ComparedRun(found, evaluation, {"a.png": shown}))
    return runs


def test_it_says_which_run_is_better(tmp_path: Path) -> None:
    runs = compared(tmp_path)
    sentences = save_comparison(runs, Protocol(("ssim",)), HIGHER, tmp_path / "page.html")
    expected = "<b>odd is better, 0.6 [0.5, 0.7] against 0.3 [0.2, 0.4]; the intervals do not overlap."
    assert sentences == {"ssim": expected}
    text = (tmp_path / "page.html").read_text("utf-8")
    assert expected.replace("<", "&lt;").replace(">", "&gt;") in text
    assert "<b>odd" not in text


@needs_chromium
def test_curves_have_values_and_images_are_enlarged_together(tmp_path: Path) -> None:
    save_comparison(compared(tmp_path), Protocol(("ssim",)), HIGHER, tmp_path / "page.html")
    with browser(tmp_path / "page.html") as page:
        chart = page.locator(".chart").filter(has=page.locator("h3", has_text="cycle"))
        assert chart.locator("li span").all_text_contents() == list(NAMES)
        chart.scroll_into_view_if_needed()
        box = chart.locator(".plot").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + 10)
        page.locator("[name=smoothing]").fill("0")
        values = [float(text.split(",")[0]) for text in chart.locator("b").all_text_contents()]
        assert values == [2.0, 4.0]
        assert chart.locator("small").text_content() == "images 200"
        frames = page.locator(".frame")
        scales = "frames => frames.map(frame => new DOMMatrix(getComputedStyle(frame.firstChild).transform).a)"
        frames.nth(1).click()
        assert frames.evaluate_all(scales) == [4.0] * 4
        page.keyboard.press("Escape")
        assert frames.evaluate_all(scales) == [1.0] * 4
        assert all(url.startswith(("file:", "data:")) for url in page.requested)


@pytest.mark.parametrize("count", [1, 2])
def test_runs_without_anything_to_compare(tmp_path: Path, count: int) -> None:
    runs = [ComparedRun(run.summary) for run in compared(tmp_path)[:count]]
    assert save_comparison(runs, Protocol(("ssim",)), HIGHER, tmp_path / "page.html") == {}
    assert f"Comparison of {count} run" in (tmp_path / "page.html").read_text("utf-8")
