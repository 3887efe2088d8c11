"""The page of a training run."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from fakes import images_by_label, make_run, progress
from pages import Page, browser, colour_of, needs_chromium

from pixlate.errors import DataError, Interrupted
from pixlate.plugins.run import Progress, Sample
from pixlate.plugins.viewers import training_page
from pixlate.plugins.viewers.html_page import HtmlPage
from pixlate.plugins.viewers.loss_log import LossLog
from pixlate.plugins.viewers.plugin import HtmlPageOptions
from pixlate.runs.run import Run

LOSSES = {"G_GAN": 1.0, "G_L1": 25.0}


def started(run: Run, **options: Any) -> HtmlPage:
    viewer = HtmlPage(HtmlPageOptions(**options))
    viewer.run_started(run)
    return viewer


def read(run: Run) -> Page:
    return Page(run.folder / "web" / "index.html")


def epochs(run: Run) -> list[str]:
    """The headings of the sections of epochs."""
    return [heading for heading in read(run).text("h2") if heading.startswith("epoch [")]


def lines(run: Run) -> dict[str, str]:
    """The path of the first line of each chart, by the chart's title."""
    page = read(run)
    paths = [each["d"] for each in page.all("path") if each["class"] in ("line", "measured")]
    titles = [text for tag, text in page.texts if tag == "h3" and "·" not in text]
    return dict(zip(titles, paths, strict=True))


def colour(run: Run, file: str) -> int:
    return colour_of(run.folder / "web" / "images" / file)


def test_the_newest_epoch_stands_first(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = started(run)
    for epoch in (1, 2):
        viewer.images_shown(run, progress(epoch, 400), images_by_label())
    assert epochs(run) == ["epoch [2]", "epoch [1]"]
    assert [file.name for file in read(run).files()][:3] == [
        "epoch002_real_A.png",
        "epoch002_fake_B.png",
        "epoch002_real_B.png",
    ]
    assert all(file.is_file() for file in read(run).files())
    assert read(run).text("title") == ["Experiment name = facades_pix2pix"]


def test_images_change_with_each_epoch_and_every_update_html_freq_images(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = started(run, update_html_freq=300)
    colours = []
    for images, value in ((100, -1.0), (200, -0.5), (320, 0.5), (390, 1.0)):
        viewer.images_shown(run, progress(1, images), images_by_label(value=value))
        colours.append(colour(run, "epoch001_fake_B.png"))
    viewer.images_shown(run, progress(2, 50), images_by_label(value=1.0))
    assert colours == [0, 0, 191, 191]
    assert colour(run, "epoch002_fake_B.png") == 255


def test_held_out_images_have_a_row_each_under_their_heading(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = started(run)
    samples = [
        Sample("val", "a/b<i>", images_by_label(value=1.0)),
        Sample("val", "a/b<i>", images_by_label(value=-1.0)),
    ]
    viewer.samples_shown(run, progress(1, 100), samples)
    viewer.images_shown(run, progress(1, 100), images_by_label())
    page = read(run)
    name = " · a/b<i>"
    newest = ["val", name, "val", name]
    assert page.text("b") == [*newest, "training images", *["held-out images (val)", name] * 2]
    assert len(set(page.files())) == 9
    assert page.files()[:6] == page.files()[9:]  # above those of all epochs stand those of the newest
    assert [colour_of(file) for file in page.files()[::3]] == [255, 0, 127, 255, 0]


def test_browsers_reload_the_page_only_while_the_run_is_in_progress(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = started(run)
    assert read(run).refreshes()
    viewer.epoch_ended(run, progress(1, 400))
    assert read(run).refreshes()
    viewer.run_finished(run, None)
    assert not read(run).refreshes()
    assert "finished" in read(run).text("span")


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (KeyboardInterrupt(), "stopped"),
        (Interrupted("Stopped by SIGTERM.", 143), "stopped"),
        (DataError("<b>x"), "ended by an error: <b>x"),
    ],
)
def test_the_page_says_how_the_run_ended(tmp_path: Path, error: BaseException, state: str) -> None:
    run = make_run(tmp_path)
    started(run).run_finished(run, error)
    assert state in read(run).text("span")


def test_every_loss_has_a_curve(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = started(run)
    for images, value in ((100, 2.0), (200, float("nan")), (300, 1.0), (400, 0.5)):
        viewer.losses_logged(run, progress(1, images), {"G_L1": value, "<D>": 1.0})
    viewer.epoch_ended(run, progress(1, 400))
    assert lines(run) == {
        "G_L1": "M0.25 2M0.75 1L1 0.5",
        "<D>": "M0.25 1L0.5 1L0.75 1L1 1",
        "learning rate": "M0.25 0.0002L0.5 0.0002L0.75 0.0002L1 0.0002",
    }


def test_a_resumed_run_continues_its_page(tmp_path: Path) -> None:
    first = make_run(tmp_path)
    viewer, log = started(first), LossLog()
    log.run_started(first)
    for epoch in (1, 2, 3):
        viewer.images_shown(first, progress(epoch, 400), images_by_label())
        log.losses_logged(first, progress(epoch, 400), LOSSES)
        if epoch == 2:
            sizes = first.log_sizes()
    first.close()
    run = make_run(tmp_path, start=progress(2, 400), logs=sizes)
    viewer = started(run)
    assert epochs(run) == ["epoch [2]", "epoch [1]"]
    assert lines(run)["G_L1"] == "M1 25L2 25"
    assert lines(run)["learning rate"] == "M1 0.0002L2 0.0002"
    viewer.images_shown(run, progress(3, 400), images_by_label())
    assert epochs(run) == ["epoch [3]", "epoch [2]", "epoch [1]"]
    assert all(file.is_file() for file in read(run).files())


def test_resuming_within_an_epoch_keeps_its_images(tmp_path: Path) -> None:
    first = make_run(tmp_path)
    viewer = started(first)
    viewer.images_shown(first, progress(1, 100), images_by_label())
    viewer.samples_shown(first, progress(1, 100), [Sample("val", "a", images_by_label())])
    sizes = first.log_sizes()
    first.close()
    run = make_run(tmp_path, start=progress(1, 100), logs=sizes)
    viewer = started(run)
    viewer.metrics_measured(run, progress(1, 200), {"SSIM": 0.51234})
    assert len(set(read(run).files())) == 6
    assert "0.5123" in read(run).text("span")


def test_held_out_images_are_not_among_those_of_training(tmp_path: Path) -> None:
    """Scripts for the reference collect images/epoch*_fake_B.png."""
    run = make_run(tmp_path)
    viewer = started(run)
    viewer.images_shown(run, progress(1, 100), images_by_label())
    viewer.samples_shown(run, progress(1, 100), [Sample("val", "a", images_by_label())])
    folder = run.folder / "web" / "images"
    assert [path.name for path in folder.glob("epoch*_fake_B.png")] == ["epoch001_fake_B.png"]
    assert (folder / "held_out_epoch001_val_a_fake_B.png").is_file()


@pytest.mark.parametrize("damage", [b"\xff", b"[", b"0", b" "])
def test_a_damaged_line_loses_only_its_epoch(tmp_path: Path, damage: bytes) -> None:
    first = make_run(tmp_path)
    viewer = started(first)
    for epoch in (1, 2):
        viewer.images_shown(first, progress(epoch, 400), images_by_label())
    sizes = first.log_sizes()
    first.close()
    file = first.folder / "web" / "shown.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 2
    file.write_bytes(damage * (len(lines[0]) - 1) + b"\n" + lines[1])
    run = make_run(tmp_path, start=progress(2, 400), logs=sizes)
    started(run)
    assert epochs(run) == ["epoch [2]"]


def with_image(file: str) -> str:
    """A line of shown.jsonl whose image is that file."""
    image = {"label": "fake_B", "file": file, "width": 8, "height": 8}
    row = {"group": "training images", "name": "", "images": [image]}
    return json.dumps({"number": 1, "images": 1, "trained": [row], "unseen": [], "metrics": {}})


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("shown.jsonl", with_image("//example.org/a.png")),
        ("shown.jsonl", with_image("/etc/a.png")),
        ("shown.jsonl", with_image("images/../../a.png")),
        ("shown.jsonl", with_image("images/\ud800.png")),
        ("shown.jsonl", '{"number": 1, "images": "x", "trained": [], "unseen": [], "metrics": {}}'),
        ("shown.jsonl", '{"number": [1], "images": 1, "trained": [], "unseen": [], "metrics": {}}'),
        ("shown.jsonl", '{"number": 1, "images": 1, "trained": [{"images": [1]}], "unseen": [], "metrics": {}}'),
        ("shown.jsonl", '{"number": 1, "images": 1, "trained": [], "unseen": [], "metrics": {"a": "b"}}'),
        ("shown.jsonl", "[" * 100_000),
        ("../losses.jsonl", '{"epoch": Infinity, "epoch_images": 1, "images": 1, "losses": {"a": 1}}'),
        ("../losses.jsonl", '{"epoch": 1, "epoch_images": 1, "images": 1, "losses": [1]}'),
        ("../losses.jsonl", "[" * 100_000),
    ],
)
def test_an_odd_line_is_left_out(tmp_path: Path, file: str, line: str) -> None:
    first = make_run(tmp_path)
    started(first).images_shown(first, progress(2, 400), images_by_label())
    sizes = first.log_sizes()
    first.close()
    path = first.folder / "web" / file
    with path.open("a") as log:
        log.write(line + "\n")
    if path.name in {Path(name).name for name in sizes}:
        sizes = {name: path.stat().st_size if Path(name).name == path.name else size for name, size in sizes.items()}
    run = make_run(tmp_path, start=progress(3, 400), logs=sizes)
    started(run)
    assert epochs(run) == ["epoch [2]"]


def test_no_html_writes_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = started(run, html=False)
    viewer.losses_logged(run, progress(1, 1), LOSSES)
    viewer.images_shown(run, progress(1, 1), images_by_label())
    viewer.samples_shown(run, progress(1, 1), [Sample("val", "a", images_by_label())])
    viewer.epoch_ended(run, progress(1, 1))
    viewer.run_finished(run, None)
    assert not (tmp_path / "web").exists()


def test_the_cost_does_not_grow_with_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=1000, epoch_size=10)
    viewer = started(run)

    def seconds(epoch: int) -> float:
        start_time = time.perf_counter()
        position = Progress(epoch, 10, epoch * 10, epoch * 10)
        viewer.losses_logged(run, position, LOSSES)
        viewer.images_shown(run, position, images_by_label(size=4))
        return time.perf_counter() - start_time

    times = [seconds(epoch) for epoch in range(1, 601)]
    assert min(times[-20:]) < 5 * min(times[:20]) + 0.01


@needs_chromium
def test_the_page_reads_well_on_a_phone(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = started(run)
    for images in (100, 200, 300):
        viewer.losses_logged(run, progress(1, images), LOSSES)
    viewer.images_shown(run, progress(1, 300), images_by_label(*(f"image_{n}" for n in range(8))))
    with browser(run.folder / "web" / "index.html", width=390) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        # Images below the fold are loaded when they come into view; decode() waits until one is loaded.
        page.evaluate("[...document.images].forEach(image => { image.loading = 'eager' })")
        page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
        assert page.evaluate("[...document.images].every(image => image.naturalWidth == 16)")
        widths = page.evaluate("[...document.querySelectorAll('svg')].map(chart => chart.clientWidth)")
        assert [width > 100 for width in widths] == [True] * 3
        assert all(url.startswith("file:") for url in page.requested)


@needs_chromium
def test_a_page_that_loads_again_keeps_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_page, "REFRESH", 1)
    run = make_run(tmp_path, epochs=9)
    viewer = started(run)
    for epoch in range(1, 5):
        viewer.images_shown(run, progress(epoch, 100), images_by_label(size=200))
    place = "Math.round(document.querySelector('#epoch2').getBoundingClientRect().top)"
    with browser(run.folder / "web" / "index.html") as page:
        # In one call: the page may load again between two.
        before = page.evaluate(f"document.querySelector('#epoch2').scrollIntoView(), {place}")
        viewer.images_shown(run, progress(5, 100), images_by_label(size=200))
        page.wait_for_selector("#epoch5", state="attached")
        page.wait_for_function(f"scrollY > 0 && {place} === {before}", timeout=5000)


def test_a_stopped_run_shows_the_images_that_it_has_seen(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = started(run)
    viewer.images_shown(run, progress(1, 100), images_by_label())
    run.moved(progress(1, 137))
    viewer.run_finished(run, Interrupted("Stopped.", 130))
    text = (run.folder / "web" / "index.html").read_text()
    assert "stopped" in text
    assert "137" in text
    assert not read(run).refreshes()
