"""The page of a test: what it says about the run, and when it is written."""

from pathlib import Path

import pytest
from fakes import images_by_label
from trainings import PIX2PIX, make_images, place, run, train

from pixlate.runs.gallery import Gallery
from pixlate.runs.result_page import ResultPage


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
