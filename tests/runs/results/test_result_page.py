"""The page of a test: what it says about the run, and when it is written."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes import images_by_label
from pages import Page, browser, needs_chromium
from paths import ROOT
from trainings import PIX2PIX, make_images, place, run, train

from pixlate.runs.results.gallery import Gallery
from pixlate.runs.results.result_page import PageRow, ResultPage, certain_link


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of the page of a tested run."""
    root = tmp_path_factory.mktemp("result")
    make_images(root / "images")
    train(root / "whole", *PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "0")
    tested = run("test", *place(root / "whole"), "--phase", "val", "--results_dir", root / "results")
    assert tested.code == 0, tested.output
    return (root / "results" / "run" / "val_latest" / "index.html").read_text("utf-8")


def test_it_tells_run_phase_epoch_model_and_data(page: str) -> None:
    assert "<h1>run</h1>" in page
    for fact in ("val", "latest", "pix2pix, resnet_6blocks", "2 pairs"):
        assert fact in page


def test_the_page_is_there_with_the_first_row(tmp_path: Path) -> None:
    with Gallery(tmp_path / "gallery", ResultPage("title")) as gallery:
        gallery.add("one.png", images_by_label())
        assert "one_fake_B.png" in gallery.page.read_text("utf-8")
        gallery.add("two.png", images_by_label())
        assert "two_fake_B.png" not in gallery.page.read_text("utf-8")  # soon, but not for every row
    assert "two_fake_B.png" in gallery.page.read_text("utf-8")


def test_rows_carry_what_sorting_needs(tmp_path: Path) -> None:
    """As JSON, which has no NaN and no infinity; ' and " in names of metrics stay what they are."""
    better = {"ssim": True, 'it\'s "odd"': False}
    with Gallery(tmp_path, ResultPage("title", higher_is_better=better)) as gallery:
        gallery.add("a.png", images_by_label(), {"ssim": math.nan, 'it\'s "odd"': -math.inf})
        gallery.add("b.png", images_by_label(), {"ssim": 0.5})
        gallery.add("c.png", images_by_label())
    page = Page(gallery.page)
    rows = page.all("section")
    assert [row["data-index"] for row in rows] == ["0", "1", "2"]
    assert [json.loads(row["data-metrics"]) for row in rows[:2]] == [
        {"ssim": None, 'it\'s "odd"': None},
        {"ssim": 0.5},
    ]
    assert "data-metrics" not in rows[2]
    results = next(div for div in page.all("div") if div.get("id") == "results")
    assert json.loads(results["data-metrics"]) == [["ssim", True], ['it\'s "odd"', False]]
    assert (results["data-first"], results["data-second"]) == ("real_B", "fake_B")


def test_the_page_loads_nothing_but_its_images(page: str, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(page)
    parsed = Page(path)
    assert parsed.all("link") == []
    assert not any("src" in script for script in parsed.all("script"))
    assert all(image["src"].startswith("images/") for image in parsed.all("img"))


def test_it_links_the_training_page_where_the_path_is_certain(tmp_path: Path) -> None:
    training = tmp_path / "checkpoints" / "run" / "web" / "index.html"
    results = tmp_path / "results" / "run" / "test_latest"
    results.mkdir(parents=True)
    assert certain_link(results, training) == ""
    training.parent.mkdir(parents=True)
    training.touch()
    link = certain_link(results, training)
    assert link == "../../../checkpoints/run/web/index.html"
    with Gallery(results, ResultPage("title", links={"training": link})) as gallery:
        gallery.add("a.png", images_by_label())
    assert (results / Page(gallery.page).all("a")[0]["href"]).samefile(training)
    (tmp_path / "link").symlink_to(results)
    assert certain_link(tmp_path / "link", training) == ""  # a browser and a file system go up to different places


def test_a_row_is_rendered_once_however_often_the_page_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[int] = []
    row = ResultPage.row

    def counted(self: ResultPage, position: int, *rest: Any) -> PageRow:
        rendered.append(position)
        return row(self, position, *rest)

    monkeypatch.setattr(ResultPage, "row", counted)
    monkeypatch.setattr("pixlate.runs.results.gallery.MIN_PAGE_INTERVAL", 0.0)
    monkeypatch.setattr("pixlate.runs.results.gallery.PAGE_INTERVAL", 0.0)
    with Gallery(tmp_path, ResultPage("title")) as gallery:
        for i in range(4):
            gallery.add(f"{i}.png", images_by_label())
            assert len(Page(gallery.page).all("section")) == i + 1
    assert rendered == [0, 1, 2, 3]


@needs_chromium
@pytest.mark.slow
def test_two_thousand_results_open_sort_and_scroll_in_time(tmp_path: Path) -> None:
    """Several times what benchmarks/gallery_page.py measures, for machines that are busy."""
    sys.path.append(str(ROOT))  # benchmarks is no part of the package
    from benchmarks import gallery_page

    path = gallery_page.write_gallery(tmp_path, 2000, 16)
    with browser(path) as page:
        times = gallery_page.measure(page, path.as_uri())
    assert times["usable"] < 6000
    assert times["sort by worst:ssim"] < 2000
    assert times["frame, scrolling 60 px: median"] < 100
