"""What the page of a training says about the run: warnings, the best checkpoint, facts, links, earlier sessions."""

import json
from pathlib import Path

import pytest
from fakes import DrivenRun, make_run, progress
from pages import Page

from pixlate.options.command.stored import StoredRun, write_stored
from pixlate.plugins.run import HealthWarning, Progress
from pixlate.plugins.viewers.html_page import HtmlPage
from pixlate.plugins.viewers.loss_log import LossLog
from pixlate.plugins.viewers.plugin import HtmlPageOptions
from pixlate.plugins.viewers.run_charts import grouped
from pixlate.plugins.viewers.run_facts import duration
from pixlate.util.curves import Curve

WARNING = HealthWarning("collapse", "All outputs are <b>alike</b>.", "Try another --gan_mode.")


def started(run: DrivenRun) -> HtmlPage:
    viewer = HtmlPage(HtmlPageOptions())
    viewer.run_started(run)
    return viewer


def text_of(run: DrivenRun) -> str:
    return (run.folder / "web" / "index.html").read_text("utf-8")


def test_warnings_stand_at_the_top_until_a_check_finds_none(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = started(run)
    assert "warning" not in Page(run.folder / "web" / "index.html").text("h2")
    viewer.health_checked(run, progress(1, 100), [WARNING])
    text = text_of(run)
    assert "1 warning, epoch 1" in text
    assert "All outputs are &lt;b&gt;alike&lt;/b&gt;." in text
    assert text.index(WARNING.advice) < text.index("this run")
    viewer.health_checked(run, progress(2, 100), [])
    assert WARNING.advice not in text_of(run)
    assert "no warnings" in text_of(run)


@pytest.mark.parametrize(("images", "is_shown"), [(600, True), (400, False)])
def test_warnings_are_there_when_the_run_is_resumed(tmp_path: Path, images: int, is_shown: bool) -> None:
    first = make_run(tmp_path)
    started(first).health_checked(first, progress(2, 100), [WARNING])
    sizes = first.log_sizes()
    first.close()
    run = make_run(tmp_path, start=Progress(2, images - 400, images, images), logs=sizes)
    started(run)
    assert (WARNING.advice in text_of(run)) == is_shown


@pytest.mark.parametrize(
    "line", ['{"epoch": 1, "images": 1, "health": 3}', '{"epoch": 1, "images": 1, "health": [1]}', "{}", "[]"]
)
def test_an_odd_check_is_left_out(tmp_path: Path, line: str) -> None:
    make_run(tmp_path).close()
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "shown.jsonl").write_text(line + "\n")
    run = make_run(tmp_path, start=progress(2, 0), logs={"web/shown.jsonl": len(line) + 1})
    started(run)
    assert "this run" in text_of(run)


def test_the_best_checkpoint_is_marked(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=5)
    viewer = started(run)
    for epoch, value in ((1, 0.5), (2, 0.25), (3, 0.75)):
        viewer.metrics_measured(run, progress(epoch, 400), {"val_l1": value, "share_G_GAN": 0.5, "share_G_L1": 0.5})
        if epoch <= 2:
            viewer.checkpoint_saved(run, progress(epoch, 400).next_epoch(), [tmp_path / "best_net_G.pth"])
    viewer.checkpoint_saved(run, progress(3, 400), [tmp_path / "latest_net_G.pth"])
    viewer.epoch_ended(run, progress(3, 400))
    page = Page(run.folder / "web" / "index.html")
    assert [path["d"] for path in page.all("path") if path["class"] == "best"] == ["M2 0.25h0"]
    assert "0.75, at the best checkpoint 0.25 (epoch 2)" in page.text("span")
    assert page.text("small")[0] == "checkpoint best: epoch 2"
    assert "shares of the gradient" in page.text("h3")


def test_a_resumed_run_continues_all_its_curves(tmp_path: Path) -> None:
    first = make_run(tmp_path)
    viewer, log = started(first), LossLog()
    log.run_started(first)
    for epoch in (1, 2):
        first.moved(progress(epoch, 400))
        viewer.losses_logged(first, progress(epoch, 400), {"G": 1.0})
        log.losses_logged(first, progress(epoch, 400), {"G": 1.0})
        log.metrics_measured(first, progress(epoch, 400), {"val_l1": 1 / epoch})
        with (tmp_path / "validation.jsonl").open("a") as file:
            file.write(json.dumps({"epoch": epoch, "images": 400 * epoch, "metrics": {}, "best": True}) + "\n")
        if epoch == 1:
            sizes = first.log_sizes()
    first.close()
    run = make_run(tmp_path, start=progress(1, 400), logs=sizes)
    started(run)
    page = Page(run.folder / "web" / "index.html")
    titles = [title for title in page.text("h3") if title]
    assert titles == ["G", "val_l1", "learning rate", "images per second"]
    paths = [path["d"] for path in page.all("path") if path["class"] in ("line", "measured")]
    assert paths[:3] == ["M1 1", "M1 1", "M1 0.0002"]
    assert [path["d"] for path in page.all("path") if path["class"] == "best"] == ["M1 1h0"]


def test_facts_that_tell_runs_apart(tmp_path: Path) -> None:
    values = {"lambda_L1": 10.0, "ngf": 8, "name": "x", "gpu_ids": "0"}
    sources = {"lambda_L1": "command line", "ngf": "default", "name": "command line", "gpu_ids": "config file"}
    run = make_run(tmp_path, crop_size=128, batch_size=2)
    write_stored(tmp_path, StoredRun(values, sources))
    (tmp_path / "losses.jsonl").write_text("")
    started(run)
    page = Page(run.folder / "web" / "index.html")
    assert [link["href"] for link in page.all("a")] == ["../losses.jsonl", "../options.json"]
    assert "lambda_L1" in page.text("span")
    assert not {"ngf", "name", "gpu_ids"} & set(page.text("span"))
    facts = page.text("dd")
    assert "crop_size 128, batch_size 2" in facts
    assert any("the CPU in float32" in fact for fact in facts)
    assert any(fact.startswith("G ") and ", D " in fact for fact in facts)


def test_damaged_options_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (tmp_path / "options.json").write_text("{")
    started(run)
    assert "options given" not in text_of(run)


def test_speed_and_time_left(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=2)
    viewer = started(run)
    assert "time left" not in text_of(run)  # nothing is known yet
    run.clock.add_wait(3600)
    run.moved(progress(1, 100))
    viewer.epoch_ended(run, progress(1, 100))
    page = Page(run.folder / "web" / "index.html")
    assert "less than a minute" in page.text("span")
    assert any("100% of the time waiting for data" in text for text in page.text("span"))
    assert page.all("progress")[0]["value"] == "0.1250"
    viewer.run_finished(run, None)
    assert "time left" not in text_of(run)


def test_times_that_are_not_known_exactly() -> None:
    times = {20: "less than a minute", 130: "about 2 min", 7800: "about 2 h 10 min", 3600 * 75: "about 3 days 3 h"}
    assert {seconds: duration(seconds) for seconds in times} == times


def test_losses_of_both_directions_share_a_chart() -> None:
    names = ("D_A", "G_A", "cycle_A", "idt_A", "D_B", "G_B", "cycle_B", "G_GAN", "D_real", "D_fake", "seg_A", "")
    groups = {title: list(curves) for title, curves in grouped({name: Curve() for name in names}).items()}
    assert groups == {
        "D": ["D_A", "D_B", "D_real", "D_fake"],
        "G": ["G_A", "G_B"],
        "cycle": ["cycle_A", "cycle_B"],
        "idt_A": ["idt_A"],
        "G_GAN": ["G_GAN"],
        "seg_A": ["seg_A"],
        "": [""],
    }
