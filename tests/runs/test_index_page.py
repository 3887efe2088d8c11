"""`pixlate runs --html`: a page of runs with links, images, and a table that can be sorted."""

import os
from pathlib import Path

import pytest
from image_files import write
from pages import Page, browser, needs_chromium
from stored_runs import validation, write_run

from pixlate.__main__ import main
from pixlate.runs.index_page import save_index
from pixlate.runs.overview import summaries

HIGHER = {"ssim": True}
HOSTILE = "<b>\"x' #1%"


def runs_in(folder: Path) -> Path:
    """Three runs: two validated, one with a page and images, one that is damaged."""
    for number, (name, ssim, ngf) in enumerate(((HOSTILE, 0.5, 64), ("good", 0.9, 8), ("late", 0.75, 128))):
        run = write_run(folder, name, {"ngf": ngf}, [validation(2, ssim=ssim)], epoch=number + 1)
        for epoch in (1, 2):
            image = write(run / "web" / "images" / f"held_out_epoch00{epoch}_val_a_fake_B.png")
            os.utime(image, (epoch, epoch))
        (run / "web" / "index.html").touch()
    write_run(folder, "damaged", {})
    (folder / "damaged" / "options.json").write_text("{")
    return folder


def test_rows_link_to_the_pages_and_show_the_newest_image(tmp_path: Path) -> None:
    folder = runs_in(tmp_path / "checkpoints")
    path = tmp_path / "elsewhere" / "runs.html"
    path.parent.mkdir()
    save_index(summaries(folder, HIGHER), HIGHER, path)
    page = Page(path)
    assert [file.resolve().name for file in page.files()] == ["held_out_epoch002_val_a_fake_B.png"] * 3
    assert all(file.is_file() for file in page.files())
    assert page.all("a")[0]["href"] == "../checkpoints/%3Cb%3E%22x%27%20%231%25/web/index.html"
    assert HOSTILE in page.text("a")
    assert page.text("button") == ["run", "state", "epoch", "ssim", "ngf", "last change"]
    assert "damaged" in path.read_text("utf-8")


def test_the_command_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs_in(tmp_path / "checkpoints")
    with pytest.raises(SystemExit) as ended:
        main(["runs", "--sort", "ssim", "--html", "checkpoints/index.html"])
    assert ended.value.code == 0
    assert "The page is checkpoints/index.html" in capsys.readouterr().out
    assert Page(tmp_path / "checkpoints" / "index.html").text("a") == ["good", "late", HOSTILE]
    with pytest.raises(SystemExit) as ended:
        main(["runs", "--html", "missing/index.html"])
    assert ended.value.code == 1


@needs_chromium
def test_a_heading_sorts_the_table(tmp_path: Path) -> None:
    save_index(summaries(runs_in(tmp_path), HIGHER), HIGHER, tmp_path / "index.html")
    with browser(tmp_path / "index.html") as page:

        def order(heading: str) -> list[str]:
            page.locator("th button", has_text=heading).click()
            return [text.split("\t")[1] for text in page.locator("tbody tr").all_inner_texts()]

        assert order("ssim") == ["good", "late", HOSTILE, "damaged"]
        assert order("ssim") == [HOSTILE, "late", "good", "damaged"]  # the other way round; what is empty stays last
        assert order("ngf") == ["good", HOSTILE, "late", "damaged"]
        assert order("epoch") == ["late", "good", HOSTILE, "damaged"]
        assert order("run") == sorted(["good", "late", HOSTILE, "damaged"])
        assert page.locator("th[aria-sort]").inner_text().startswith("run")
        page.locator("a", has_text=HOSTILE).click()
        assert page.url.endswith("/web/index.html")
    with browser(tmp_path / "index.html", width=390) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
